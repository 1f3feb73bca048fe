/** What the parts of the agent share, put together. */
import { join } from 'node:path';
import type { EventRecorder } from '@timonel/sdk/controller';
import { nodes, pods } from '@timonel/sdk/kube';
import type { AgentContext } from '../agent-context.ts';
import type { OwnNode } from '../admission/own-node.ts';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import type { KnownServices } from '../container/known-services.ts';
import type { NodePolicy } from '../container/node-policy.ts';
import type { PullRecords } from '../images/pull-records.ts';
import { ImagePuller } from '../images/puller.ts';
import { allocatableOf, enforcedPodMemory } from '../node/allocatable.ts';
import type { Machine } from '../node/machine.ts';
import { capacityOf } from '../node/read-state.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { IdRanges } from './id-ranges.ts';
import { NodeRoom } from './node-room.ts';
import type { PodDevices } from './pod-devices.ts';
import type { RuntimeClasses } from './runtime-classes.ts';
import type { Runtimes } from './runtimes.ts';
import { Semaphore } from './semaphore.ts';
import type { AgentServices } from './services.ts';

/** Under which this node is reached: known after its start. */
export interface Reached {
  address: string;
  /** Where pods have addresses of both families. */
  address6?: string | undefined;
}

function policyOf({ config, dataDir }: AgentContext, machine: Machine): NodePolicy {
  const { seccompDefault, podPidsLimit, swapBehavior, memoryQoS, memoryThrottlingFactor } = config;
  return {
    seccompDefault,
    seccompDirectory: config.seccompDirectory === '' ? join(dataDir, 'seccomp') : config.seccompDirectory,
    podPidsLimit,
    swapBehavior,
    memoryQoS,
    memoryThrottlingFactor,
    nodeMemoryBytes: machine.memoryBytes,
    podMemoryBytes: enforcedPodMemory(config, machine.memoryBytes),
    nodeSwapBytes: machine.swapBytes,
    hugePageSizes: machine.hugePageSizes,
  };
}

function pullerOf(
  { config, deps, env }: AgentContext,
  sources: RememberedSources,
  records: PullRecords,
  event: AgentServices['event'],
): ImagePuller {
  const atOnce = config.serializeImagePulls ? 1 : config.maxParallelImagePulls;
  const bound = atOnce === 0 ? undefined : new Semaphore(atOnce);
  return new ImagePuller({ images: deps.images, sources, records, env, bound, event });
}

export type NodeEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** As the kubelet, which may not know the uid of its Node: the name stands for it. */
export function nodeEventsOf(recorder: EventRecorder, name: string): NodeEvent {
  return (type, reason, message) =>
    recorder.record(nodes, { metadata: { name, uid: name }, spec: {} }, type, reason, message);
}

export interface Built {
  readonly machine: Machine;
  readonly runtimes: Runtimes;
  readonly classes: RuntimeClasses;
  readonly reached: Reached;
  readonly sources: RememberedSources;
  readonly serviceLinks: KnownServices;
  readonly ownNode: OwnNode;
  readonly records: PullRecords;
  readonly recorder: EventRecorder;
  readonly volumes: PodVolumes;
  readonly devices: PodDevices;
  readonly refusal: AgentServices['refusal'];
}

export function servicesOf(
  ctx: AgentContext,
  {
    machine,
    runtimes,
    classes,
    reached,
    sources,
    serviceLinks,
    ownNode,
    records,
    recorder,
    volumes,
    devices,
    refusal,
  }: Built,
): AgentServices {
  const { config, deps, env } = ctx;
  const event: AgentServices['event'] = (pod, type, reason, message) =>
    recorder.record(pods, pod, type, reason, message);
  return {
    nodeName: config.nodeName,
    clusterDomain: config.clusterDomain,
    dns: () => deps.dns.current?.resolver(),
    policies: () => deps.policies.current,
    env,
    log: ctx.log,
    api: deps.api,
    puller: pullerOf(ctx, sources, records, event),
    network: deps.network,
    runtimes,
    classes,
    ids: new IdRanges({ firstId: config.userNamespaceFirstId, ranges: config.userNamespaceRanges }),
    sources,
    serviceLinks,
    volumes,
    devices,
    room: new NodeRoom(),
    bound: new Semaphore(config.concurrency),
    dataDir: ctx.dataDir,
    nodeAddress: () => reached.address,
    nodeAddress6: () => reached.address6,
    allocatable: () => allocatableOf(capacityOf(machine, config), machine.hugePageBytes, config),
    policy: policyOf(ctx, machine),
    abilities: { allowedUnsafeSysctls: config.allowedUnsafeSysctls, hasAppArmor: machine.hasAppArmor },
    ownNode,
    refusal,
    event,
    reportFault: (error) => ctx.reportFault(error),
  };
}
