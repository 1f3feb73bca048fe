/** Puts the parts of the agent together. */
import { join } from 'node:path';
import { errorMessage, type Many, type PluginContext, type PluginInstance } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type { nodeEndpoint } from '@timonel/sdk/contracts/node';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { VolumeDriver } from '@timonel/sdk/contracts/volume';
import { EventRecorder } from '@timonel/sdk/controller';
import { pods } from '@timonel/sdk/kube';
import { Agent } from './agent/agent.ts';
import { endsWithin } from './agent/ends-within.ts';
import { Runtimes } from './agent/runtimes.ts';
import { Semaphore } from './agent/semaphore.ts';
import type { AgentServices } from './agent/services.ts';
import { readCheckpoint, type Checkpoint } from './checkpoint/checkpoint-file.ts';
import { CheckpointWriter } from './checkpoint/checkpoint-writer.ts';
import { sourcesOf } from './checkpoint/references.ts';
import { RememberedSources } from './checkpoint/remembered-sources.ts';
import type { AgentConfig } from './config.ts';
import { defaultAddress } from './node/default-address.ts';
import { readMachine, readPressure, type Machine } from './node/machine.ts';
import { kubeletVersion, type NodeState } from './node/node-object.ts';
import { Registration } from './node/registration.ts';
import { nodeEndpointOf } from './sessions/endpoint.ts';
import { Sessions } from './sessions/sessions.ts';
import { Probes } from './probes/probes.ts';
import { ClaimVolumes } from './volumes/claim-volumes.ts';

/** The parts of the context that are used. */
export interface AgentContext extends Pick<
  PluginContext,
  'name' | 'log' | 'env' | 'signal' | 'dataDir' | 'reportFault'
> {
  readonly config: AgentConfig;
  readonly deps: {
    readonly api: ApiClient;
    readonly runtimes: Many<ContainerRuntime>;
    readonly images: ImageService;
    readonly network: PodNetwork;
    readonly volumes: Many<VolumeDriver>;
  };
}

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

function checkpointWriter(ctx: AgentContext, agent: Agent, sources: RememberedSources): CheckpointWriter {
  return new CheckpointWriter({
    file: join(ctx.dataDir, checkpointName),
    limitBytes: ctx.config.checkpointLimitBytes,
    env: ctx.env,
    log: ctx.log,
    snapshot: () => {
      const known = agent.workers().filter((worker) => !worker.gone);
      const all = known.map((worker) => worker.pod());
      const wanted = new Set(all.flatMap((pod) => [...sourcesOf(pod)]));
      const { nodeName } = ctx.config;
      return { nodeName, resourceVersion: agent.newestSeen(), pods: all, sources: sources.retain(wanted) };
    },
  });
}

const unlistedBeatMs = 3000;
/** A report to an API that does not answer is not waited for. */
const beatEndMs = 1000;

function capacityOf(machine: Machine, config: AgentConfig): Record<string, string> {
  return { ...machine.capacity, ...config.capacity };
}

async function nodeAddressOf({ config, deps }: AgentContext): Promise<string> {
  if (config.nodeAddress !== '') return config.nodeAddress;
  return (await defaultAddress()) ?? (await deps.network.nodeNetwork()).nodeAddress;
}

async function readNodeState(ctx: AgentContext, machine: Machine, services: AgentServices): Promise<NodeState> {
  const { deps, config } = ctx;
  const network = await deps.network.nodeNetwork();
  const runtime = services.runtimes.get(config.runtime);
  const info = await runtime?.info();
  const known = services.runtimes.names().join(', ') || 'none';
  let notReady = '';
  if (info === undefined) notReady = `container runtime "${config.runtime}" is not there (there are: ${known})`;
  else if (!info.ready) notReady = `container runtime is not ready: ${info.reason}`;
  const local = await deps.images.list();
  return {
    name: config.nodeName,
    labels: config.labels,
    capacity: capacityOf(machine, config),
    machine,
    pressure: await readPressure(ctx.dataDir),
    address: await nodeAddressOf(ctx),
    serverPort: config.serverPort,
    podCidr: network.podCidr,
    runtimeVersion: info === undefined ? 'timonel://unknown' : `timonel://${info.name}-${info.version}`,
    notReady,
    images: local.map(({ references, sizeBytes }) => ({ names: [...references], sizeBytes })),
  };
}

interface Reached {
  address: string;
}

function servicesOf(
  ctx: AgentContext,
  machine: Machine,
  runtimes: Runtimes,
  reached: Reached,
  sources: RememberedSources,
): AgentServices {
  const { config, deps, env } = ctx;
  const recorder = new EventRecorder(ctx, deps.api, { component: 'kubelet', host: config.nodeName });
  return {
    nodeName: config.nodeName,
    clusterDomain: config.clusterDomain,
    env,
    log: ctx.log,
    api: deps.api,
    images: deps.images,
    network: deps.network,
    runtimes,
    sources,
    claims: new ClaimVolumes(deps.volumes, (namespace, name) => sources.claim(namespace, name)),
    bound: new Semaphore(config.concurrency),
    dataDir: ctx.dataDir,
    nodeAddress: () => reached.address,
    allocatable: () => capacityOf(machine, config),
    nodeMemoryBytes: machine.memoryBytes,
    event: (pod, type, reason, message) => recorder.record(pods, pod, type, reason, message),
    reportFault: (error) => ctx.reportFault(error),
  };
}

export async function buildAgent(ctx: AgentContext): Promise<PluginInstance<{ readonly node: typeof nodeEndpoint }>> {
  const { config, deps } = ctx;
  const machine = await readMachine(ctx.dataDir, config.maxPods);
  const runtimes = new Runtimes(deps.runtimes, config.nodeName);
  const reached: Reached = { address: config.nodeAddress };
  const checkpoint = await formerKnowledge(ctx);
  // What is not known yet must not replace what was known before.
  const remember = (): void => {
    if (agent.knowsPods) writer.touch();
  };
  const sources = new RememberedSources(deps.api, checkpoint?.sources ?? new Map(), remember);
  const services = servicesOf(ctx, machine, runtimes, reached, sources);
  const probes = new Probes(services);
  const agent = new Agent({
    services,
    host: ctx,
    config,
    runtimes,
    providers: deps.runtimes,
    checkpoint,
    came: remember,
    settled: (worker) => {
      probes.follow(worker);
      remember();
    },
    removed: (worker) => {
      probes.forget(worker);
      remember();
    },
    listed: () => registration.beat(),
  });
  const sessions = new Sessions(agent, config.maxSessions);
  const writer = checkpointWriter(ctx, agent, sources);
  const registration = new Registration({
    nodeName: config.nodeName,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    statusIntervalMs: config.statusIntervalMs,
    api: deps.api,
    env: ctx.env,
    log: ctx.log,
    readState: async () => {
      const state = await readNodeState(ctx, machine, services);
      reached.address = state.address;
      return state;
    },
  });
  return {
    provides: { node: nodeEndpointOf(services, agent, sessions) },
    start: async () => {
      reached.address = await nodeAddressOf(ctx);
      ctx.log.info({ node: config.nodeName, version: kubeletVersion }, 'node agent starts');
      agent.start();
      // The first beat follows the first list of the runtimes; a node without one reports itself all the same.
      ctx.env.timers.after(unlistedBeatMs, () => registration.beat());
    },
    stop: async (reason) => {
      sessions.close();
      probes.close();
      await endsWithin(ctx.env, beatEndMs, registration.close());
      await writer.close();
      await agent.stop(reason);
    },
  };
}
