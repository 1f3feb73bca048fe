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

/** What follows from a cluster IP. Runs again after allocation, which gives the IP. */
export function defaultClusterIPs(spec: Spec): void {
  const clusterIP = textOf(spec.clusterIP);
  if (spec.type === 'ExternalName' || clusterIP === '') return;
  if (itemsOf(spec.clusterIPs).length === 0) spec.clusterIPs = [clusterIP];
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
  defaultClusterIPs(spec);
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

/** Allocated values that a replace leaves out are kept, and those that the new type cannot have are dropped. */
export function carryAllocated(service: Service, oldService: Service): void {
  if (!isObject(service.spec) || !isObject(oldService.spec)) return;
  const spec = service.spec;
  const old = oldService.spec;
  if (spec.type === 'ExternalName') {
    if (old.type !== 'ExternalName' && sameJson(spec.clusterIPs, old.clusterIPs)) {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'] as const)
        delete spec[field];
    }
    return;
  }
  if (old.type !== 'ExternalName' && textOf(spec.clusterIP) === '' && textOf(old.clusterIP) !== '') {
    if (old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
    if (old.clusterIPs !== undefined) spec.clusterIPs = old.clusterIPs;
  }
  if (spec.clusterIP !== old.clusterIP && sameJson(spec.clusterIPs, old.clusterIPs)) delete spec.clusterIPs;
  if (usesNodePorts(spec) && usesNodePorts(old)) keepNodePorts(spec, old);
  if (!usesNodePorts(spec) && usesNodePorts(old)) {
    const before = new Set(objectItems(old.ports).map((port) => port.nodePort));
    for (const port of objectItems(spec.ports)) if (before.has(port.nodePort)) delete port.nodePort;
    if (itemsOf(spec.externalIPs).length === 0) delete spec.externalTrafficPolicy;
    if (spec['allocateLoadBalancerNodePorts'] === old['allocateLoadBalancerNodePorts'])
      delete spec['allocateLoadBalancerNodePorts'];
  }
  defaultClusterIPs(spec);
}
