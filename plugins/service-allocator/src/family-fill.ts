/** Which address families a service has. */
import { isIPv6 } from 'node:net';
import type { Service } from '@timonel/sdk/kube';

export type Family = 'IPv4' | 'IPv6';

export function familyOf(address: string): Family {
  return isIPv6(address) ? 'IPv6' : 'IPv4';
}

/** Texts of a list that a user wrote: whatever else stands in it, is refused by others. */
export function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((text): text is string => typeof text === 'string') : [];
}

/**
 * Fills in what a service leaves out: the families of its addresses, or the first of the cluster; both, where its policy wants both and
 * the cluster has them. `available`: those of the cluster.
 */
export function fillFamilies(
  spec: Service['spec'],
  old: Service['spec'] | undefined,
  available: readonly Family[],
): void {
  if (old !== undefined) dropSecond(spec, old);
  const addresses = [...textsOf(spec.clusterIPs), ...(spec.clusterIPs === undefined ? [spec.clusterIP ?? ''] : [])];
  const ofAddresses = addresses.filter((address) => address !== '' && address !== 'None').map(familyOf);
  const said = textsOf(spec.ipFamilies) as Family[];
  const [first = 'IPv4'] = available;
  const families = [...(said.length > 0 ? said : ofAddresses.length > 0 ? ofAddresses : [first])];
  spec.ipFamilyPolicy ||= families.length > 1 || ofAddresses.length > 1 ? 'RequireDualStack' : 'SingleStack';
  const [only] = families;
  const other = only === 'IPv4' ? 'IPv6' : 'IPv4';
  if (spec.ipFamilyPolicy !== 'SingleStack' && families.length === 1 && available.includes(other)) families.push(other);
  if (families.length !== said.length) spec.ipFamilies = families;
}

/** Who asks for one family and says nothing else gives the second address back. */
function dropSecond(spec: Service['spec'], old: Service['spec']): void {
  if (spec.ipFamilyPolicy !== 'SingleStack' || (old.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack') return;
  const same = (a: unknown, b: unknown): boolean => textsOf(a).join() === textsOf(b).join();
  if (same(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = textsOf(spec.clusterIPs).slice(0, 1);
  if (same(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies = textsOf(spec.ipFamilies).slice(0, 1);
}
