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
  if (old !== undefined) {
    if (isUnchangedPreference(spec, old)) return;
    keepLeftOut(spec, old);
    dropSecond(spec, old);
  }
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

const same = (a: unknown, b: unknown): boolean => textsOf(a).join() === textsOf(b).join();

/** A cluster that has come to have another family adds no address to a service until somebody asks for it. */
function isUnchangedPreference(spec: Service['spec'], old: Service['spec']): boolean {
  const prefer = 'PreferDualStack';
  if (spec.ipFamilyPolicy !== prefer || old.ipFamilyPolicy !== prefer) return false;
  return same(spec.clusterIPs, old.clusterIPs) && same(spec.ipFamilies, old.ipFamilies);
}

/** Who says nothing of the policy or the addresses, or names the first one alone, keeps what there is. */
function keepLeftOut(spec: Service['spec'], old: Service['spec']): void {
  if (!spec.ipFamilyPolicy && old.ipFamilyPolicy) spec.ipFamilyPolicy = old.ipFamilyPolicy;
  // Another address is a change, which is refused elsewhere.
  if (spec.clusterIP && spec.clusterIP !== old.clusterIP) return;
  const [first = spec.clusterIP || old.clusterIP, second] = textsOf(spec.clusterIPs);
  if (!first || first !== old.clusterIP || second !== undefined) return;
  spec.clusterIP = first;
  if (old.clusterIPs !== undefined) spec.clusterIPs = [...textsOf(old.clusterIPs)];
}

/** Who asks for one family and says nothing else gives the second address back. */
function dropSecond(spec: Service['spec'], old: Service['spec']): void {
  if (spec.ipFamilyPolicy !== 'SingleStack' || (old.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack') return;
  if (same(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = textsOf(spec.clusterIPs).slice(0, 1);
  if (same(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies = textsOf(spec.ipFamilies).slice(0, 1);
}
