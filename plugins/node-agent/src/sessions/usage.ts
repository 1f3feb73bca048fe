/** What the machine and the containers of this node use. */
import { readFile } from 'node:fs/promises';
import { errorMessage } from '@timonel/sdk';
import type { ContainerUsage, NodeUsage, PodUsage } from '@timonel/sdk/contracts/node';
import type { ContainerStats } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import type { Agent } from '../agent/agent.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';

/** USER_HZ is 100 on every Linux architecture that Node runs on. */
const nanosPerTick = 10_000_000;
const kib = 1024;

/** @throws ApiError ServiceUnavailable */
export async function nodeUsage(services: AgentServices, agent: Agent): Promise<NodeUsage> {
  const [machine, stats] = await Promise.all([machineUsage(), allStats(services)]);
  const pods = agent.workers().flatMap((worker) => podUsage(worker, stats));
  return { nodeName: services.nodeName, time: services.env.clock.now(), ...machine, pods };
}

/** By container id. A runtime that does not answer leaves its pods out. */
export async function allStats({ runtimes, log }: AgentServices): Promise<ReadonlyMap<string, ContainerStats>> {
  const found = new Map<string, ContainerStats>();
  const read = async (name: string): Promise<void> => {
    try {
      for (const each of (await runtimes.get(name)?.stats()) ?? []) found.set(each.id, each);
    } catch (error) {
      log.warn({ runtime: name, error: errorMessage(error) }, 'the runtime does not say what its containers use');
    }
  };
  await Promise.all(runtimes.names().map(read));
  return found;
}

function podUsage(worker: PodWorker, stats: ReadonlyMap<string, ContainerStats>): PodUsage[] {
  const containers = [...worker.containers.values()].flatMap(({ id, name, state }): ContainerUsage[] => {
    const own = state === 'running' ? stats.get(id) : undefined;
    if (own === undefined) return [];
    return [{ name, cpuUsageNanos: own.cpuUsageNanos, memoryWorkingSetBytes: own.memoryWorkingSetBytes }];
  });
  const { namespace = '', name = '', uid = '' } = worker.pod().metadata;
  return containers.length === 0 ? [] : [{ namespace, name, uid, containers }];
}

type MachineUsage = Pick<NodeUsage, 'cpuUsageNanos' | 'memoryWorkingSetBytes'>;

export async function machineUsage(): Promise<MachineUsage> {
  try {
    const [stat, meminfo] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/meminfo', 'utf8')]);
    return parseMachineUsage(stat, meminfo);
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `this node cannot read what it uses: ${errorMessage(error)}`);
  }
}

/**
 * proc(5). Busy time: all but idle and iowait; that of guests is in user and nice already. Working set, as the kubelet has it: what is
 * in use, the page cache included, less file pages that were not used lately.
 */
export function parseMachineUsage(stat: string, meminfo: string): MachineUsage {
  const ticks = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  const bytes = (name: string): number => {
    const line = meminfo.split('\n').find((each) => each.startsWith(`${name}:`)) ?? '';
    return Number(/(\d+) kB$/.exec(line)?.[1] ?? 0) * kib;
  };
  return {
    cpuUsageNanos: (user + nice + system + irq + softirq + steal) * nanosPerTick,
    memoryWorkingSetBytes: Math.max(0, bytes('MemTotal') - bytes('MemFree') - bytes('Inactive(file)')),
  };
}
