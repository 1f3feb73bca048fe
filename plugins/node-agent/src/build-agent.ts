/** Puts the parts of the agent together. */
import { join } from 'node:path';
import type { PluginInstance } from '@timonel/sdk';
import type { nodeEndpoint, nodeInspection } from '@timonel/sdk/contracts/node';
import { EventRecorder } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import { Agent } from './agent/agent.ts';
import { nodeEventsOf, servicesOf, type Reached } from './agent/build-services.ts';
import { endsWithin } from './agent/ends-within.ts';
import { ImageGc } from './agent/image-gc.ts';
import { PodDevices } from './agent/pod-devices.ts';
import { RuntimeClasses } from './agent/runtime-classes.ts';
import { Runtimes } from './agent/runtimes.ts';
import { nodeFacts } from './agent/start-container.ts';
import { failedMount } from './plan/view.ts';
import { checkpointWriter, formerKnowledge } from './checkpoint/build-checkpoint.ts';
import { RememberedSources } from './checkpoint/remembered-sources.ts';
import { openSourceSeal } from './checkpoint/source-seal.ts';
import type { AgentContext } from './agent-context.ts';
import { OwnNode } from './admission/own-node.ts';
import { KnownServices } from './container/known-services.ts';
import type { Rejection } from './admission/rejection.ts';
import { buildEvictions } from './eviction/build-evictions.ts';
import { PullRecords } from './images/pull-records.ts';
import { readMachine } from './node/machine.ts';
import { kubeletVersion } from './node/node-object.ts';
import { nodeAddress6Of, nodeAddressOf, readNodeState } from './node/read-state.ts';
import { onNodePartChange } from './node/node-parts.ts';
import { Registration } from './node/registration.ts';
import { shutdownGroups } from './shutdown/groups.ts';
import { hostEnds } from './shutdown/host-end.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { nodeEndpointOf } from './sessions/endpoint.ts';
import { inspectionOf } from './sessions/inspection.ts';
import { Sessions } from './sessions/sessions.ts';
import { Probes } from './probes/probes.ts';
import { NodeStatics } from './static-pods/node-statics.ts';
import { buildVolumes, followVolumes } from './volumes/build-volumes.ts';

const unlistedBeatMs = 3000;
/** What a stop takes beside the end of the pods. */
const stopMs = 10_000;
/** A report to an API that does not answer is not waited for. */
const beatEndMs = 1000;

function imageGcOf({ config, deps, env, log }: AgentContext, workedOn: () => readonly Pod[]): ImageGc {
  const policy = {
    highThresholdPercent: config.imageGCHighThresholdPercent,
    lowThresholdPercent: config.imageGCLowThresholdPercent,
  };
  return new ImageGc({ images: deps.images, runtimes: deps.runtimes, pods: workedOn, env, log, policy });
}

export async function buildAgent(
  ctx: AgentContext,
): Promise<PluginInstance<{ readonly node: typeof nodeEndpoint; readonly inspection: typeof nodeInspection }>> {
  const { config, deps } = ctx;
  const machine = await readMachine(ctx.dataDir, config.maxPods);
  const runtimes = new Runtimes(deps.runtimes, config.nodeName, ctx.env);
  const reached: Reached = { address: config.nodeAddress };
  const seal = await openSourceSeal(ctx.dataDir, ctx.env.random);
  const checkpoint = await formerKnowledge(ctx, seal);
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
  const serviceLinks = await KnownServices.open({
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
    workers: () => agent.workers(),
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
    serviceLinks,
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
  services.room.follow(() => agent.wanted());
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
  const writer = checkpointWriter(ctx, agent, sources, volumes, seal);
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
      [reached.address = reached.address, reached.address6] = state.addresses;
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
      reached.address6 = await nodeAddress6Of(ctx);
      ctx.log.info({ node: config.nodeName, version: kubeletVersion }, 'node agent starts');
      classes.start();
      serviceLinks.start();
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
      await endsWithin(ctx.env, beatEndMs, statics.stop());
      const ends = reason === 'shutdown' && shutdown.isWanted;
      if (ends && (config.onShutdown === 'remove' || (await hostEnds(ctx.env)))) await shutdown.run();
      sessions.close();
      endParts();
      probes.close();
      await endsWithin(
        ctx.env,
        beatEndMs,
        Promise.all([
          registration.close(),
          classes.stop(),
          serviceLinks.stop(),
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
