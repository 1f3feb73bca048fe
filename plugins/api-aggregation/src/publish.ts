/**
 * The ConfigMap by which servers behind the API server learn whom to believe. Every API server of a cluster has a front-proxy authority
 * of its own: the ConfigMap holds all of them.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { configMaps, isNotFound, type ConfigMap } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import { frontProxyName } from './front-proxy.ts';
import { remoteHeaders } from './remote-user.ts';

export const published = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

const proxyKey = 'requestheader-client-ca-file';
const certificates = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
/** Masters that are gone leave theirs behind. */
const mostAuthorities = 20;

function isAlive(pem: string, nowMs: number): boolean {
  try {
    return readCertificate(pem).notAfter > nowMs;
  } catch {
    return false;
  }
}

/** The authorities of a bundle that have not expired, and this one, each once. `pem`: one or several, the first of which matters most. */
export function bundleWith(bundle: string, pem: string, nowMs: number): string {
  const own: readonly string[] = pem.match(certificates) ?? [];
  const known = [...new Set(bundle.match(certificates))].filter((one) => own.includes(one) || isAlive(one, nowMs));
  // Kept in place, so that masters do not take turns in writing.
  const isFine = own.every((one) => known.includes(one)) && known.length <= mostAuthorities;
  const others = known.filter((one) => !own.includes(one));
  const all = isFine ? known : [...others, ...own.toReversed()].slice(-mostAuthorities);
  return `${all.join('\n')}\n`;
}

export function publishedData(
  before: Readonly<Record<string, string>>,
  authorities: { readonly clients: string; readonly proxy: string },
  nowMs: number,
): Record<string, string> {
  return {
    ...before,
    'client-ca-file': authorities.clients,
    [proxyKey]: bundleWith(before[proxyKey] ?? '', authorities.proxy, nowMs),
    'requestheader-allowed-names': JSON.stringify([frontProxyName]),
    'requestheader-username-headers': JSON.stringify([remoteHeaders.user]),
    'requestheader-uid-headers': JSON.stringify([remoteHeaders.uid]),
    'requestheader-group-headers': JSON.stringify([remoteHeaders.group]),
    'requestheader-extra-headers-prefix': JSON.stringify([remoteHeaders.extraPrefix]),
  };
}

/** Writes it where it says something else. @throws ApiError */
export async function publish(
  api: ApiClient,
  authorities: { readonly clients: string; readonly proxy: string },
  nowMs: number,
): Promise<void> {
  let current: ConfigMap | undefined;
  try {
    current = await api.get(configMaps, published);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const before = current?.data ?? {};
  const data = publishedData(before, authorities, nowMs);
  if (current === undefined) {
    await api.create(configMaps, { metadata: { ...published }, data });
    return;
  }
  const isSame = Object.entries(data).every(([key, value]) => before[key] === value);
  if (!isSame) await api.update(configMaps, { ...current, data });
}
