/** Reads what the Node object tells. */
import { familyOf } from '@timonel/sdk/contracts/network';
import type { RuntimeInfo } from '@timonel/sdk/contracts/runtime';
import type { AgentContext } from '../agent-context.ts';
import type { Runtimes } from '../agent/runtimes.ts';
import { namesOf } from '../container/image-digest.ts';
import type { NodePressure } from '../eviction/signals.ts';
import { defaultAddress, defaultAddress6 } from './default-address.ts';
import { allocatableOf } from './allocatable.ts';
import type { Machine } from './machine.ts';
import { nodePartsStatus } from './node-parts.ts';
import type { NodeState, RuntimeHandler } from './node-object.ts';

export function capacityOf(machine: Machine, config: AgentContext['config']): Record<string, string> {
  return { ...machine.capacity, ...config.capacity };
}

export async function nodeAddressOf({ config, deps }: Pick<AgentContext, 'config' | 'deps'>): Promise<string> {
  if (config.nodeAddress !== '') return config.nodeAddress;
  const { podCidr, nodeAddress } = await deps.network.nodeNetwork();
  // Pods and their node must have a family in common.
  return (await (familyOf(podCidr) === 6 ? defaultAddress6() : defaultAddress())) ?? nodeAddress;
}

/** Where pods have addresses of both families, and the machine has one that others reach. */
export async function nodeAddress6Of({ deps }: Pick<AgentContext, 'deps'>): Promise<string | undefined> {
  const { podCidr6 } = await deps.network.nodeNetwork();
  return podCidr6 === undefined ? undefined : defaultAddress6();
}

/** One that does not answer is left out. */
async function infos(runtimes: Runtimes): Promise<ReadonlyMap<string, RuntimeInfo>> {
  const found = await Promise.all(
    runtimes.names().map(async (name) => {
      const info = await runtimes
        .get(name)
        ?.info()
        .catch(() => undefined);
      return info === undefined ? [] : [[name, info] as const];
    }),
  );
  return new Map(found.flat());
}

function handler(name: string, info: RuntimeInfo): RuntimeHandler {
  const { recursiveReadOnlyMounts = false, userNamespaces = false } = info;
  return { name, features: { recursiveReadOnlyMounts, userNamespaces } };
}

/** By name; the nameless one is that of pods without a class. */
function handlersOf(known: ReadonlyMap<string, RuntimeInfo>, usual: string): RuntimeHandler[] {
  const named = [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, info]) => handler(name, info));
  const info = known.get(usual);
  return info === undefined ? named : [handler('', info), ...named];
}

export interface StateParts {
  readonly machine: Machine;
  readonly runtimes: Runtimes;
  pressure(): readonly NodePressure[];
  /** The node goes down. */
  isShuttingDown(): boolean;
}

export async function readNodeState(ctx: AgentContext, parts: StateParts): Promise<NodeState> {
  const { machine, runtimes } = parts;
  const { deps, config } = ctx;
  const network = await deps.network.nodeNetwork();
  const known = await infos(runtimes);
  const info = known.get(config.runtime);
  const names = runtimes.names().join(', ') || 'none';
  let notReady = '';
  if (parts.isShuttingDown()) notReady = 'node is shutting down';
  else if (info === undefined) notReady = `container runtime "${config.runtime}" is not there (there are: ${names})`;
  else if (!info.ready) notReady = `container runtime is not ready: ${info.reason}`;
  const capacity = capacityOf(machine, config);
  const added = nodePartsStatus(deps.nodeParts);
  const local = await deps.images.list();
  return {
    name: config.nodeName,
    labels: config.labels,
    capacity: { ...added.capacity, ...capacity },
    allocatable: { ...added.allocatable, ...allocatableOf(capacity, machine.hugePageBytes, config) },
    volumesInUse: added.volumesInUse,
    machine,
    pressure: parts.pressure(),
    addresses: [await nodeAddressOf(ctx), (await nodeAddress6Of(ctx)) ?? ''].filter((address) => address !== ''),
    serverPort: config.serverPort,
    podCidrs: [network.podCidr, network.podCidr6 ?? ''].filter((range) => range !== ''),
    runtimeVersion: info === undefined ? 'timonel://unknown' : `timonel://${info.name}-${info.version}`,
    runtimeHandlers: handlersOf(known, config.runtime),
    supplementalGroupsPolicy:
      known.size > 0 && [...known.values()].every((each) => each.supplementalGroupsPolicy === true),
    notReady,
    images: local.map((image) => ({ names: namesOf(image), sizeBytes: image.sizeBytes })),
  };
}
