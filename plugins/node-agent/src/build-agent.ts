/** Puts the parts of the agent together. */
import { join } from 'node:path';
import { errorMessage, type PluginInstance } from '@timonel/sdk';
import type { nodeEndpoint, nodeInspection } from '@timonel/sdk/contracts/node';
import { EventRecorder } from '@timonel/sdk/controller';
import { nodes, pods, type Pod } from '@timonel/sdk/kube';
import { Agent } from './agent/agent.ts';
import { endsWithin } from './agent/ends-within.ts';
import { ImageGc } from './agent/image-gc.ts';
import { IdRanges } from './agent/id-ranges.ts';
import { NodeRoom } from './agent/node-room.ts';
import { PodDevices } from './agent/pod-devices.ts';
import { RuntimeClasses } from './agent/runtime-classes.ts';
import { Runtimes } from './agent/runtimes.ts';
import { Semaphore } from './agent/semaphore.ts';
import type { AgentServices } from './agent/services.ts';
import { nodeFacts } from './agent/start-container.ts';
import { failedMount } from './plan/view.ts';
import { readCheckpoint, type Checkpoint } from './checkpoint/checkpoint-file.ts';
import { CheckpointWriter } from './checkpoint/checkpoint-writer.ts';
import { sourcesOf } from './checkpoint/references.ts';
import { RememberedSources } from './checkpoint/remembered-sources.ts';
import type { AgentContext } from './agent-context.ts';
import { OwnNode } from './admission/own-node.ts';
import { KnownServices } from './container/known-services.ts';
import type { Rejection } from './admission/rejection.ts';
import { buildEvictions } from './eviction/build-evictions.ts';
import type { NodePolicy } from './container/node-policy.ts';
import { PullRecords } from './images/pull-records.ts';
import { ImagePuller } from './images/puller.ts';
import { readMachine, type Machine } from './node/machine.ts';
import { kubeletVersion } from './node/node-object.ts';
import { allocatableOf, enforcedPodMemory } from './node/allocatable.ts';
import { capacityOf, nodeAddressOf, readNodeState } from './node/read-state.ts';
import { onNodePartChange } from './node/node-parts.ts';
import { Registration } from './node/registration.ts';
import { shutdownGroups } from './shutdown/groups.ts';
import { hostEnds } from './shutdown/host-end.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { nodeEndpointOf } from './sessions/endpoint.ts';
import { inspectionOf } from './sessions/inspection.ts';
import { Sessions } from './sessions/sessions.ts';
import { Probes } from './probes/probes.ts';
import { isStaticPod } from './static-pods/identity.ts';
import { NodeStatics } from './static-pods/node-statics.ts';
import { buildVolumes, followVolumes } from './volumes/build-volumes.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

const checkpointName = 'checkpoint.json';

/** What the agent before this one knew; undefined: nothing that can be used. */
async function formerKnowledge({ dataDir, config, log }: AgentContext): Promise<Checkpoint | undefined> {
  const file = join(dataDir, checkpointName);
  try {
    const found = await readCheckpoint(file);
    return found?.nodeName === config.nodeName ? found : undefined;
  } catch (error) {
    log.warn(
      { file, error: errorMessage(error) },
      'the checkpoint of the pods is damaged: waiting for the API instead',
    );
    return undefined;
  }
}

function checkpointWriter(
  ctx: AgentContext,
  agent: Agent,
  sources: RememberedSources,
  volumes: PodVolumes,
): CheckpointWriter {
  return new CheckpointWriter({
    file: join(ctx.dataDir, checkpointName),
    limitBytes: ctx.config.checkpointLimitBytes,
    env: ctx.env,
    log: ctx.log,
    snapshot: () => {
      const known = agent.workers().filter((worker) => !worker.gone);
      const all = known.map((worker) => worker.pod()).filter((pod) => !isStaticPod(pod));
      const assignments = new Map(
        known.flatMap((worker) => {
          const own = worker.assignment();
          return own === undefined ? [] : [[worker.pod().metadata.uid ?? '', own] as const];
        }),
      );
      const wanted = new Set([...all.flatMap((pod) => [...sourcesOf(pod)]), ...volumes.asked()]);
      const { nodeName } = ctx.config;
      return { nodeName, resourceVersion: agent.newestSeen(), pods: all, assignments, sources: sources.retain(wanted) };
    },
  });
}

const unlistedBeatMs = 3000;
/** What a stop takes beside the end of the pods. */
const stopMs = 10_000;
/** A report to an API that does not answer is not waited for. */
const beatEndMs = 1000;

interface Reached {
  address: string;
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

function imageGcOf({ config, deps, env, log }: AgentContext, workedOn: () => readonly Pod[]): ImageGc {
  const policy = {
    highThresholdPercent: config.imageGCHighThresholdPercent,
    lowThresholdPercent: config.imageGCLowThresholdPercent,
  };
  return new ImageGc({ images: deps.images, runtimes: deps.runtimes, pods: workedOn, env, log, policy });
}

type NodeEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** As the kubelet, which may not know the uid of its Node: the name stands for it. */
function nodeEventsOf(recorder: EventRecorder, name: string): NodeEvent {
  return (type, reason, message) =>
    recorder.record(nodes, { metadata: { name, uid: name }, spec: {} }, type, reason, message);
}

interface Built {
  readonly machine: Machine;
  readonly runtimes: Runtimes;
  readonly classes: RuntimeClasses;
  readonly reached: Reached;
  readonly sources: RememberedSources;
  readonly known: KnownServices;
  readonly ownNode: OwnNode;
  readonly records: PullRecords;
  readonly recorder: EventRecorder;
  readonly volumes: PodVolumes;
  readonly devices: PodDevices;
  readonly refusal: AgentServices['refusal'];
}

function servicesOf(
  ctx: AgentContext,
  { machine, runtimes, classes, reached, sources, known, ownNode, records, recorder, volumes, devices, refusal }: Built,
): AgentServices {
  const { config, deps, env } = ctx;
  const event: AgentServices['event'] = (pod, type, reason, message) =>
    recorder.record(pods, pod, type, reason, message);
  return {
    nodeName: config.nodeName,
    clusterDomain: config.clusterDomain,
    dns: () => deps.dns.current?.resolver(),
    env,
    log: ctx.log,
    api: deps.api,
    puller: pullerOf(ctx, sources, records, event),
    network: deps.network,
    runtimes,
    classes,
    ids: new IdRanges({ firstId: config.userNamespaceFirstId, ranges: config.userNamespaceRanges }),
    sources,
    known,
    volumes,
    devices,
    room: new NodeRoom(),
    bound: new Semaphore(config.concurrency),
    dataDir: ctx.dataDir,
    nodeAddress: () => reached.address,
    allocatable: () => allocatableOf(capacityOf(machine, config), machine.hugePageBytes, config),
    policy: policyOf(ctx, machine),
    abilities: { allowedUnsafeSysctls: config.allowedUnsafeSysctls, hasAppArmor: machine.hasAppArmor },
    ownNode,
    refusal,
    event,
    reportFault: (error) => ctx.reportFault(error),
  };
}

export async function buildAgent(
  ctx: AgentContext,
): Promise<PluginInstance<{ readonly node: typeof nodeEndpoint; readonly inspection: typeof nodeInspection }>> {
  const { config, deps } = ctx;
  const machine = await readMachine(ctx.dataDir, config.maxPods);
  const runtimes = new Runtimes(deps.runtimes, config.nodeName, ctx.env);
  const reached: Reached = { address: config.nodeAddress };
  const checkpoint = await formerKnowledge(ctx);
  // What is not known yet must not replace what was known before.
  const remember = (): void => {
    if (agent.knowsPods) writer.touch();
  };
  const sources = new RememberedSources(deps.api, checkpoint?.sources ?? new Map(), remember);
  const classes = new RuntimeClasses({
    host: ctx,
    api: deps.api,
    sources,
    defaultHandler: config.runtime,
    came: (name) => agent.retryClass(name),
  });
  const { api } = deps;
  const known = await KnownServices.open({
    host: ctx,
    api,
    env: ctx.env,
    log: ctx.log,
    file: join(ctx.dataDir, 'services.json'),
  });
  const ownNode = new OwnNode({ host: ctx, api, env: ctx.env, nodeName: config.nodeName });
  const records = await PullRecords.open({
    file: join(ctx.dataDir, 'pulled-images.json'),
    policy: config.imagePullCredentialsVerificationPolicy,
    log: ctx.log,
    present: async () => (await deps.images.list()).map(({ id }) => id),
  });
  const recorder = new EventRecorder(ctx, deps.api, { component: 'kubelet', host: config.nodeName });
  const refusal = (pod: Pod): Rejection | undefined => evictions.refusal(pod);
  const { volumes, lostDirectories } = buildVolumes(ctx, {
    sources,
    ownNode,
    worker: (uid) => agent.worker(uid),
    factsOf: (pod) => nodeFacts(services, pod, undefined),
    failed: (pod, message) => services.event(pod, 'Warning', failedMount, message),
    knownPods: () => agent.knownUids(),
  });
  const devices = new PodDevices({ devices: deps.devices, log: ctx.log, present: () => agent.knownUids() });
  const services = servicesOf(ctx, {
    machine,
    runtimes,
    classes,
    reached,
    sources,
    known,
    ownNode,
    records,
    recorder,
    volumes,
    devices,
    refusal,
  });
  for (const [uid, { firstId }] of checkpoint?.assignments ?? []) {
    if (firstId !== undefined) services.ids.hold(uid, firstId);
  }
  const probes = new Probes(services);
  const nodeEvent = nodeEventsOf(recorder, config.nodeName);
  const statics = new NodeStatics(ctx, {
    worker: (uid) => agent.worker(uid),
    workers: () => agent.workers(),
    workOn: (pod) => agent.workOn(pod),
    nodeUid: () => registration.nodeUid,
    nodeEvent,
  });
  const agent = new Agent({
    services,
    statics,
    host: ctx,
    config,
    runtimes,
    providers: deps.runtimes,
    checkpoint,
    came: remember,
    settled: (worker) => {
      probes.follow(worker);
      followVolumes(volumes, worker);
      devices.settled(worker.view());
      remember();
    },
    removed: (worker) => {
      probes.forget(worker);
      devices.release(worker.pod());
      services.room.changed();
      statics.removed();
      remember();
    },
    listed: () => registration.beat(),
    runtimesChanged: () => registration.beat(),
  });
  services.room.follow(() => agent.workers());
  const imageGc = imageGcOf(ctx, () => agent.workers().map((worker) => worker.pod()));
  const evictions = buildEvictions(ctx, machine, {
    volumes,
    workers: () => agent.workers(),
    freeImages: () => imageGc.removeUnused(),
    event: (pod, type, reason, message) => services.event(pod, type, reason, message),
    nodeEvent,
    changed: () => registration.beat(),
  });
  const sessions = new Sessions(agent, config.maxSessions);
  const writer = checkpointWriter(ctx, agent, sources, volumes);
  const registration = new Registration({
    nodeName: config.nodeName,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    statusIntervalMs: config.statusIntervalMs,
    api: deps.api,
    env: ctx.env,
    log: ctx.log,
    event: (reason, message) => nodeEvent('Normal', reason, message),
    seen: () => statics.nodeSeen(),
    readState: async () => {
      const pressure = () => evictions.conditions;
      const isShuttingDown = () => shutdown.hasBegun;
      const state = await readNodeState(ctx, { machine, runtimes, pressure, isShuttingDown });
      reached.address = state.address;
      return state;
    },
  });
  const shutdown = new NodeShutdown({
    groups: shutdownGroups(config),
    env: ctx.env,
    log: ctx.log,
    workers: () => agent.workers(),
    begun: () => registration.beat(),
  });
  let endParts = (): void => undefined;
  return {
    provides: {
      node: nodeEndpointOf(services, agent, sessions),
      inspection: inspectionOf({ services, agent, probes, config, machine }),
    },
    start: async () => {
      reached.address = await nodeAddressOf(ctx);
      ctx.log.info({ node: config.nodeName, version: kubeletVersion }, 'node agent starts');
      classes.start();
      known.start();
      ownNode.start();
      await statics.open();
      agent.start();
      endParts = onNodePartChange(deps.nodeParts, () => registration.beat());
      lostDirectories.start();
      imageGc.start();
      evictions.start();
      // The first beat follows the first list of the runtimes; a node without one reports itself all the same.
      ctx.env.timers.after(unlistedBeatMs, () => registration.beat());
    },
    ...(shutdown.isWanted ? { stopMs: shutdown.limitMs + stopMs } : {}),
    stop: async (reason) => {
      await statics.stop();
      const ends = reason === 'shutdown' && shutdown.isWanted;
      if (ends && (config.onShutdown === 'remove' || (await hostEnds()))) await shutdown.run();
      sessions.close();
      endParts();
      probes.close();
      await endsWithin(
        ctx.env,
        beatEndMs,
        Promise.all([
          registration.close(),
          classes.stop(),
          known.stop(),
          ownNode.stop(),
          imageGc.stop(),
          evictions.stop(),
          lostDirectories.stop(),
        ]),
      );
      await writer.close();
      await agent.stop(reason);
      await endsWithin(ctx.env, beatEndMs, volumes.close());
    },
  };
}
