/** Puts the parts of the agent together. */
import type { Many, PluginContext, PluginInstance } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type { nodeEndpoint } from '@timonel/sdk/contracts/node';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import { EventRecorder } from '@timonel/sdk/controller';
import { configMaps, isNotFound, pods, secrets, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { Agent } from './agent/agent.ts';
import { endsWithin } from './agent/ends-within.ts';
import { Runtimes } from './agent/runtimes.ts';
import { Semaphore } from './agent/semaphore.ts';
import type { AgentServices } from './agent/services.ts';
import type { AgentConfig } from './config.ts';
import type { ConfigSources } from './container/sources.ts';
import { logReader } from './logs/endpoint.ts';
import { defaultAddress } from './node/default-address.ts';
import { readMachine, readPressure, type Machine } from './node/machine.ts';
import { kubeletVersion, type NodeState } from './node/node-object.ts';
import { Registration } from './node/registration.ts';
import { Probes } from './probes/probes.ts';

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
  };
}

async function foundOrUndefined<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  namespace: string,
  name: string,
): Promise<T | undefined> {
  try {
    return await api.get(type, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function configSources(api: ApiClient): ConfigSources {
  return {
    configMap: (namespace, name) => foundOrUndefined(api, configMaps, namespace, name),
    secret: (namespace, name) => foundOrUndefined(api, secrets, namespace, name),
  };
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
    podCidr: network.podCidr,
    runtimeVersion: info === undefined ? 'timonel://unknown' : `timonel://${info.name}-${info.version}`,
    notReady,
    images: local.map(({ references, sizeBytes }) => ({ names: [...references], sizeBytes })),
  };
}

interface Reached {
  address: string;
}

function servicesOf(ctx: AgentContext, machine: Machine, runtimes: Runtimes, reached: Reached): AgentServices {
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
    sources: configSources(deps.api),
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
  const services = servicesOf(ctx, machine, runtimes, reached);
  const probes = new Probes(services);
  const agent = new Agent({
    services,
    host: ctx,
    config,
    runtimes,
    providers: deps.runtimes,
    settled: (worker) => probes.follow(worker),
    removed: (worker) => probes.forget(worker),
    listed: () => registration.beat(),
  });
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
    provides: { node: logReader(services, agent) },
    start: async () => {
      reached.address = await nodeAddressOf(ctx);
      ctx.log.info({ node: config.nodeName, version: kubeletVersion }, 'node agent starts');
      agent.start();
      // The first beat follows the first list of the runtimes; a node without one reports itself all the same.
      ctx.env.timers.after(unlistedBeatMs, () => registration.beat());
    },
    stop: async (reason) => {
      probes.close();
      await endsWithin(ctx.env, beatEndMs, registration.close());
      await agent.stop(reason);
    },
  };
}
