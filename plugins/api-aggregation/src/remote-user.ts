/** Who a request is from, as the headers of an authenticating proxy say it. */
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError } from '@timonel/sdk/kube';

/** What the ConfigMap tells the servers behind the proxy to look for. */
export const remoteHeaders = {
  user: 'X-Remote-User',
  uid: 'X-Remote-Uid',
  group: 'X-Remote-Group',
  extraPrefix: 'X-Remote-Extra-',
} as const;

/** Together: more than this no server takes. */
const mostBytes = 64 * 1024;

/** Headers are bytes; names are sent as UTF-8. @throws ApiError Forbidden */
function valueOf(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new ApiError(
      'Forbidden',
      'the user has control characters in a name, a group or an extra field: other servers cannot be told',
    );
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Keys may hold what names of headers may not. */
function escapedKey(key: string): string {
  return encodeURIComponent(key.toLowerCase()).replaceAll(/[()]/g, (char) => (char === '(' ? '%28' : '%29'));
}

/** Names and values in turn. @throws ApiError Forbidden */
export function remoteUserHeaders({ username, uid, groups, extra }: UserInfo): string[] {
  const headers = [remoteHeaders.user, valueOf(username)];
  if (uid !== '') headers.push(remoteHeaders.uid, valueOf(uid));
  for (const group of groups) headers.push(remoteHeaders.group, valueOf(group));
  for (const [key, values] of Object.entries(extra))
    for (const value of values) headers.push(`${remoteHeaders.extraPrefix}${escapedKey(key)}`, valueOf(value));
  const bytes = headers.reduce((sum, part) => sum + part.length, 0);
  if (bytes > mostBytes)
    throw new ApiError('Forbidden', `the groups and extra fields of the user are longer than ${mostBytes} bytes`);
  return headers;
}
