/** The Node object of this node. Pure. */
import type { Condition, Node, Quantities } from '@timonel/sdk/kube';
import type { NodePressure } from '../eviction/signals.ts';
import type { Machine } from './machine.ts';

export interface RuntimeHandler {
  /** Empty: that of pods without a runtime class. */
  readonly name: string;
  readonly features: { readonly recursiveReadOnlyMounts: boolean; readonly userNamespaces: boolean };
}

export interface NodeState {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Quantities;
  readonly allocatable: Quantities;
  /** Not to be detached: `kubernetes.io/csi/<driver>^<handle>`. */
  readonly volumesInUse: readonly string[];
  readonly machine: Machine;
  readonly pressure: readonly NodePressure[];
  /** IPv4 first. */
  readonly addresses: readonly string[];
  /** 0: nobody outside of the process can call this node. */
  readonly serverPort: number;
  /** IPv4 first. */
  readonly podCidrs: readonly string[];
  readonly runtimeVersion: string;
  readonly runtimeHandlers: readonly RuntimeHandler[];
  /** All runtimes keep the groups of images away from pods that ask for it. */
  readonly supplementalGroupsPolicy: boolean;
  /** Why the node cannot run pods; empty: it can. */
  readonly notReady: string;
  readonly images: readonly { readonly names: string[]; readonly sizeBytes: number }[];
}

export const kubeletVersion = 'v1.35.0-timonel.0.1.0';
/** As the kubelet's nodeStatusMaxImages. */
const imageLimit = 50;
/** As its maxNamesPerImageInNodeStatus. */
const nameLimit = 5;

export function nodeLabels(state: NodeState): Record<string, string> {
  const { operatingSystem, architecture } = state.machine;
  return {
    'kubernetes.io/hostname': state.name,
    'kubernetes.io/os': operatingSystem,
    'kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': operatingSystem,
    'beta.kubernetes.io/arch': architecture,
    ...state.labels,
  };
}

export function newNode(state: NodeState): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: state.name, labels: nodeLabels(state) },
    spec: podRanges(state),
  };
}

/** None, or one of each family. */
export function podRanges({ podCidrs }: NodeState): Pick<Node['spec'], 'podCIDR' | 'podCIDRs'> {
  const [podCIDR] = podCidrs;
  return podCIDR === undefined ? {} : { podCIDR, podCIDRs: [...podCidrs] };
}

function condition(
  before: readonly Condition[],
  now: string,
  type: string,
  holds: boolean,
  reason: string,
  message: string,
): Condition {
  const status = holds ? 'True' : 'False';
  const old = before.find((entry) => entry.type === type);
  const since = old?.status === status ? old.lastTransitionTime : undefined;
  return { type, status, lastHeartbeatTime: now, lastTransitionTime: since ?? now, reason, message };
}

function conditionsOf(state: NodeState, before: readonly Condition[], now: string): Condition[] {
  const has = (pressure: NodePressure): boolean => state.pressure.includes(pressure);
  const of = condition.bind(undefined, before, now);
  const ready = state.notReady === '';
  return [
    has('MemoryPressure')
      ? of('MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : of('MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    has('DiskPressure')
      ? of('DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : of('DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    has('PIDPressure')
      ? of('PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : of('PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    ready
      ? of('Ready', true, 'KubeletReady', 'kubelet is posting ready status')
      : of('Ready', false, 'KubeletNotReady', state.notReady),
  ];
}

/** Extended resources that somebody else gave the node: they are not the agent's to take away. */
function addedResources({ capacity }: NodeState, before: Node['status']): Quantities {
  const others = Object.entries(before?.capacity ?? {}).filter(([name]) => name.includes('/') && !(name in capacity));
  return Object.fromEntries(others);
}

export function nodeStatus(state: NodeState, before: Node['status'], now: string): NonNullable<Node['status']> {
  const { machine, volumesInUse } = state;
  const { volumesInUse: _former, ...kept } = before ?? {};
  const added = addedResources(state, before);
  return {
    ...kept,
    ...(volumesInUse.length === 0 ? {} : { volumesInUse: [...volumesInUse] }),
    daemonEndpoints: { kubeletEndpoint: { Port: state.serverPort } },
    capacity: { ...added, ...state.capacity },
    allocatable: { ...added, ...state.allocatable },
    conditions: conditionsOf(state, before?.conditions ?? [], now),
    addresses: [
      ...state.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: state.name },
    ],
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: state.runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: machine.operatingSystem,
      architecture: machine.architecture,
      ...(machine.swapBytes > 0 ? { swap: { capacity: machine.swapBytes } } : {}),
    },
    runtimeHandlers: state.runtimeHandlers.map(({ name, features }) => ({ name, features: { ...features } })),
    features: { supplementalGroupsPolicy: state.supplementalGroupsPolicy },
    images: imagesOf(state),
  };
}

/** The largest, as the kubelet: they are worth most to a scheduler that wants to avoid pulls. */
function imagesOf({ images }: NodeState): { names: string[]; sizeBytes: number }[] {
  return images
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
    .slice(0, imageLimit)
    .map(({ names, sizeBytes }) => ({ names: names.slice(0, nameLimit), sizeBytes }));
}

/** Without the heartbeat times, to see whether anything else changed. */
export function withoutHeartbeat(status: Node['status']): unknown {
  const conditions = status?.conditions?.map(({ lastHeartbeatTime: _ignored, ...rest }) => rest);
  return { ...status, conditions };
}
