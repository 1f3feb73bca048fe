import { isIP } from 'node:net';
import type { Service } from '@timonel/sdk/kube';
import { sameJson } from '../validation/findings.ts';
import { isObject, itemsOf, objectItems, textOf } from '../validation/loose.ts';

type Spec = Service['spec'];

function defaultAffinity(spec: Spec): void {
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity !== 'ClientIP') return;
  spec.sessionAffinityConfig ??= {};
  if (!isObject(spec.sessionAffinityConfig)) return;
  spec.sessionAffinityConfig.clientIP ??= {};
  if (isObject(spec.sessionAffinityConfig.clientIP)) spec.sessionAffinityConfig.clientIP['timeoutSeconds'] ??= 10_800;
}

function familyOf(address: string): string | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 6 ? 'IPv6' : 'IPv4';
}

function listClusterIP(spec: Spec): void {
  const clusterIP = textOf(spec.clusterIP);
  if (spec.type === 'ExternalName' || clusterIP === '') return;
  if (itemsOf(spec.clusterIPs).length === 0) spec.clusterIPs = [clusterIP];
}

/** What follows from the cluster IPs, once it is known which ones a replace keeps and allocation gives. */
export function defaultClusterIPs(spec: Spec): void {
  listClusterIP(spec);
  if (spec.type === 'ExternalName' || textOf(spec.clusterIP) === '') return;
  const addresses = itemsOf(spec.clusterIPs).filter((address) => typeof address === 'string');
  const families = addresses.map(familyOf).filter((family) => family !== undefined);
  // A headless service has no address to take the family from: the cluster's first family.
  if (itemsOf(spec.ipFamilies).length === 0) spec.ipFamilies = families.length > 0 ? families : ['IPv4'];
  spec.ipFamilyPolicy ||= itemsOf(spec.ipFamilies).length > 1 ? 'RequireDualStack' : 'SingleStack';
}

export function defaultService(service: Service): void {
  service.status ??= {};
  if (isObject(service.status)) service.status['loadBalancer'] ??= {};
  if (!isObject(service.spec)) return;
  const spec = service.spec;
  spec.type ||= 'ClusterIP';
  defaultAffinity(spec);
  for (const port of objectItems(spec.ports)) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || itemsOf(spec.externalIPs).length > 0;
  if (external && spec.type !== 'ExternalName') spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
  listClusterIP(spec);
}

function usesNodePorts(spec: Spec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

/** Ports that lack a node port keep the one that the old port of the same number and protocol had. */
function keepNodePorts(spec: Spec, old: Spec): void {
  const taken = new Set(objectItems(spec.ports).map((port) => port.nodePort));
  for (const port of objectItems(spec.ports)) {
    if (port.nodePort) continue;
    const before = objectItems(old.ports).find((one) => one.port === port.port && one.protocol === port.protocol);
    if (before?.nodePort && !taken.has(before.nodePort)) port.nodePort = before.nodePort;
  }
}

/** Load balancers from outside ask each node for endpoints of such a service. */
export function hasHealthCheck({ type, externalTrafficPolicy }: Partial<Spec>): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

/** Fields that only some types have, and what they are worth when the type changes to one that has them not. */
function dropTypeDependent(spec: Spec, old: Spec): void {
  const loses = (has: (of: Spec) => boolean): boolean => has(old) && !has(spec);
  const drop = (...fields: readonly string[]): void => {
    for (const field of fields) if (sameJson(spec[field], old[field])) delete spec[field];
  };
  if (loses(({ type }) => type !== 'ExternalName')) {
    if (textOf(spec.clusterIP) === '' || sameJson(spec.clusterIPs, old.clusterIPs)) drop('clusterIPs', 'clusterIP');
    if (textOf(spec.clusterIP) === '') delete spec.clusterIP;
    drop('ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy');
  }
  if (loses(usesNodePorts)) {
    const before = new Set(objectItems(old.ports).map((port) => port.nodePort));
    for (const port of objectItems(spec.ports)) if (before.has(port.nodePort)) delete port.nodePort;
  }
  if (loses(hasHealthCheck)) drop('healthCheckNodePort');
  const isExternal = (of: Spec): boolean => usesNodePorts(of) || itemsOf(of.externalIPs).length > 0;
  if (loses(isExternal)) drop('externalTrafficPolicy');
  if (loses(({ type }) => type === 'LoadBalancer')) drop('allocateLoadBalancerNodePorts', 'loadBalancerClass');
  if (loses(({ type }) => type === 'ExternalName')) drop('externalName');
}

/** Who says nothing of the addresses, or names the first one alone without asking for one only, keeps what there is. */
function keepAddresses(spec: Spec, old: Spec): void {
  if (old.type === 'ExternalName' || textOf(old.clusterIP) === '') return;
  if (old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ||= old.ipFamilyPolicy;
  if (textOf(spec.clusterIP) === '' && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
  const isFirstAlone = itemsOf(spec.clusterIPs).length <= 1 && spec.ipFamilyPolicy !== 'SingleStack';
  if (spec.clusterIP === old.clusterIP && isFirstAlone && old.clusterIPs !== undefined)
    spec.clusterIPs = old.clusterIPs;
}

/** Allocated values that a replace leaves out are kept, and those that the new type cannot have are dropped. */
export function carryAllocated(service: Service, oldService: Service): void {
  if (!isObject(service.spec) || !isObject(oldService.spec)) return;
  const spec = service.spec;
  const old = oldService.spec;
  dropTypeDependent(spec, old);
  if (spec.type === 'ExternalName') return;
  keepAddresses(spec, old);
  if (spec.clusterIP !== old.clusterIP && sameJson(spec.clusterIPs, old.clusterIPs)) delete spec.clusterIPs;
  if (usesNodePorts(spec) && usesNodePorts(old)) keepNodePorts(spec, old);
  if (hasHealthCheck(spec) && hasHealthCheck(old) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort;
  }
  defaultClusterIPs(spec);
}
