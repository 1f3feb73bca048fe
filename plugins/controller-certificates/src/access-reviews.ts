/** Asking whether somebody may do something. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { subjectAccessReviews } from '@timonel/sdk/kube';

export interface Asker {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface Right {
  readonly verb: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
}

const group = 'certificates.k8s.io';

export async function isAllowed(
  api: ApiClient,
  { username, groups, uid, extra }: Asker,
  right: Right,
): Promise<boolean> {
  const spec = {
    user: username,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
    resourceAttributes: { group, version: '*', ...right },
  };
  const { status } = await api.create(subjectAccessReviews, { metadata: {}, spec });
  return status?.allowed === true;
}

/** Whether somebody may do what `verb` says in the name of a signer, or of all signers of its domain. */
export async function maySigner(api: ApiClient, asker: Asker, verb: string, signerName: string): Promise<boolean> {
  const [domain = ''] = signerName.split('/');
  for (const name of [signerName, `${domain}/*`])
    if (await isAllowed(api, asker, { verb, resource: 'signers', name })) return true;
  return false;
}
