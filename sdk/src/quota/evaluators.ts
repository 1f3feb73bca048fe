/** What objects of each kind count for in a quota. */
import type {
  Container,
  KubeObject,
  PersistentVolumeClaim,
  Pod,
  ResourceType,
  ScopeRequirement,
  Service,
} from '../kube/index.ts';
import { classNameOf } from '../volumes/index.ts';
import { amountOf, larger, one, parseAmount, zero, type Amount } from './amount.ts';
import { podResources } from './pod-resources.ts';
import { claimHasScope, podHasScope } from './scopes.ts';
import type { Usage } from './usage.ts';

/** A kind as the API names it. */
export type CountedKind = Pick<ResourceType, 'group' | 'resource'>;

export interface Evaluator {
  /** Whether objects of the kind count for this name of a quota. */
  takes(name: string): boolean;
  usage(object: KubeObject, nowMs: number): Usage;
  /** Absent: quotas with scopes count none of the kind. */
  hasScope?(object: KubeObject, requirement: ScopeRequirement): boolean;
  /** Whether objects may come to count for more by an update of the object. */
  readonly grows: boolean;
  /** What the object must say so that a quota with these names can count it; undefined: nothing is missing. */
  missing?(object: KubeObject, names: readonly string[]): string | undefined;
}

const native = new Set(['cpu', 'memory', 'ephemeral-storage']);
const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

function isExtended(name: string): boolean {
  return name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name);
}

function isPodName(name: string): boolean {
  if (name === 'pods' || name === 'count/pods' || native.has(name) || isHugePages(name)) return true;
  if (name.startsWith('limits.')) return native.has(name.slice('limits.'.length));
  if (!name.startsWith('requests.')) return false;
  const resource = name.slice('requests.'.length);
  return native.has(resource) || isHugePages(resource) || isExtended(resource);
}

/** Neither ended nor, as on a node that is gone, beyond the time that it was given to end. */
function isPodCounted({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= overdueAtMs(deletionTimestamp, deletionGracePeriodSeconds);
}

function overdueAtMs(deletionTimestamp: string, graceSeconds: number): number {
  return Date.parse(deletionTimestamp) + graceSeconds * 1000;
}

/** When a pod that is being deleted stops to count; undefined: not by time. ms since the epoch. */
export function podOverdueAtMs({ metadata }: KubeObject): number | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return undefined;
  return overdueAtMs(deletionTimestamp, deletionGracePeriodSeconds);
}

function podUsage(pod: Pod, nowMs: number): Usage {
  const usage = new Map<string, Amount>([['count/pods', one]]);
  if (!isPodCounted(pod, nowMs)) return usage;
  usage.set('pods', one);
  for (const [name, amount] of podResources(pod, 'requests')) {
    if (native.has(name) || isHugePages(name)) usage.set(name, amount);
    if (native.has(name) || isHugePages(name) || isExtended(name)) usage.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of podResources(pod, 'limits')) if (native.has(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

const mustBeSaid = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

function says({ resources }: Container, name: string): boolean {
  const [side, resource] = name.includes('.') ? name.split('.') : ['requests', name];
  const list = side === 'limits' ? resources?.limits : resources?.requests;
  return list?.[resource ?? ''] !== undefined;
}

function missingOfPod({ spec }: Pod, names: readonly string[]): string | undefined {
  // A pod that is given resources as a whole leaves its containers free.
  if (spec['resources'] !== undefined) return undefined;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const parts = names
    .filter((name) => mustBeSaid.has(name))
    .toSorted()
    .flatMap((name) => {
      const silent = containers.filter((container) => !says(container, name)).map((container) => container.name);
      return silent.length === 0 ? [] : [`${name} for: ${silent.toSorted().join(',')}`];
    });
  return parts.length === 0 ? undefined : `must specify ${parts.join('; ')}`;
}

function nodePortsOf({ spec }: Service): number {
  const ports = spec.ports ?? [];
  if (spec.type === 'NodePort') return ports.length;
  if (spec.type !== 'LoadBalancer') return 0;
  if (spec['allocateLoadBalancerNodePorts'] === false) return ports.filter((port) => (port.nodePort ?? 0) !== 0).length;
  return ports.length;
}

function serviceUsage(service: Service): Usage {
  return new Map([
    ['count/services', one],
    ['services', one],
    ['services.nodeports', amountOf(nodePortsOf(service))],
    ['services.loadbalancers', service.spec.type === 'LoadBalancer' ? one : zero],
  ]);
}

const classSuffix = '.storageclass.storage.k8s.io/';
const claimNames = ['persistentvolumeclaims', 'requests.storage'];

function isClaimName(name: string): boolean {
  if (name === 'count/persistentvolumeclaims' || claimNames.includes(name)) return true;
  return claimNames.some((own) => name.endsWith(`${classSuffix}${own}`));
}

function claimUsage(claim: PersistentVolumeClaim): Usage {
  const asked = parseAmount(claim.spec?.resources?.requests?.['storage']);
  // What a growth that failed has taken already.
  const storage = larger(asked, parseAmount(claim.status?.allocatedResources?.['storage']));
  const usage = new Map<string, Amount>([
    ['count/persistentvolumeclaims', one],
    ['persistentvolumeclaims', one],
    ['requests.storage', storage],
  ]);
  const className = classNameOf(claim);
  if (className !== '') {
    usage.set(`${className}${classSuffix}persistentvolumeclaims`, one);
    usage.set(`${className}${classSuffix}requests.storage`, storage);
  }
  return usage;
}

/** Kinds that quotas counted by their plain names before `count/` came. */
const plainlyNamed = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']);

function counting({ group, resource }: CountedKind): Evaluator {
  const names = [`count/${group === '' ? resource : `${resource}.${group}`}`];
  if (group === '' && plainlyNamed.has(resource)) names.push(resource);
  const usage: Usage = new Map(names.map((name) => [name, one]));
  return { takes: (name) => names.includes(name), usage: () => usage, grows: false };
}

const special: Readonly<Record<string, Evaluator>> = {
  pods: {
    takes: isPodName,
    usage: (pod, nowMs) => podUsage(pod as Pod, nowMs),
    hasScope: (pod, requirement) => podHasScope(pod as Pod, requirement),
    grows: false,
    missing: (pod, names) => missingOfPod(pod as Pod, names),
  },
  services: {
    takes: (name) => /^(count\/services|services|services\.nodeports|services\.loadbalancers)$/.test(name),
    usage: (service) => serviceUsage(service as Service),
    grows: true,
  },
  persistentvolumeclaims: {
    takes: isClaimName,
    usage: (claim) => claimUsage(claim),
    hasScope: (claim, requirement) => claimHasScope(claim, requirement),
    grows: true,
  },
};

const made = new Map<string, Evaluator>();
/** Kinds are few; strangers' kinds beyond the bound are made anew each time. */
const madeLimit = 1000;

export function evaluatorOf(kind: CountedKind): Evaluator {
  const id = `${kind.group}/${kind.resource}`;
  const known =
    (kind.group === '' && Object.hasOwn(special, kind.resource) ? special[kind.resource] : undefined) ?? made.get(id);
  if (known !== undefined) return known;
  const evaluator = counting(kind);
  if (made.size < madeLimit) made.set(id, evaluator);
  return evaluator;
}
