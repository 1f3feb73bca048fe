/** What the machine, the pods and their containers use, in detail. */
import { readFile, stat, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { ContainerStatsOfNode, InterfaceStats, NodeStats, PodStatsOfNode } from '@timonel/sdk/contracts/node';
import type { ContainerStats, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { PodWorker } from '../agent/pod-worker.ts';
import { rfc3339Ms } from '../times.ts';
import type { InspectionParts } from './inspection.ts';
import { allStats, machineUsage } from './usage.ts';

export async function nodeStats({ services, agent, machine }: InspectionParts): Promise<NodeStats> {
  const { env, nodeName, dataDir } = services;
  const [usage, known, network, filesystem, processes] = await Promise.all([
    machineUsage(),
    allStats(services),
    interfacesOf('/proc/net/dev'),
    statfs(dataDir),
    processesOfMachine(),
  ]);
  const pods = await Promise.all(agent.workers().map((worker) => podStats(worker, known)));
  const { bsize, blocks, bfree, bavail, files, ffree } = filesystem;
  return {
    nodeName,
    time: env.clock.now(),
    ...usage,
    ...processes,
    cpus: availableParallelism(),
    memoryBytes: machine.memoryBytes,
    memoryUsageBytes: usage.memoryWorkingSetBytes,
    network,
    filesystem: {
      capacityBytes: bsize * blocks,
      availableBytes: bsize * bavail,
      usedBytes: bsize * (blocks - bfree),
      inodes: files,
      inodesFree: ffree,
    },
    pods: pods.flatMap((pod) => pod ?? []),
  };
}

async function podStats(
  worker: PodWorker,
  known: ReadonlyMap<string, ContainerStats>,
): Promise<PodStatsOfNode | undefined> {
  const { metadata, spec, status } = worker.pod();
  const running = [...worker.containers.values()].filter(({ state }) => state === 'running');
  const containers = await Promise.all(running.map((each) => containerStats(each, known.get(each.id))));
  const [first] = running;
  if (first === undefined) return undefined;
  const isOwn = spec.hostNetwork !== true && first.pid !== undefined && first.pid > 1;
  const { namespace = '', name = '', uid = '' } = metadata;
  const startedAt = rfc3339Ms(status?.startTime ?? '');
  return {
    namespace,
    name,
    uid,
    startedAt: Number.isNaN(startedAt) ? 0 : startedAt,
    containers: containers.flatMap((each) => each ?? []),
    network: isOwn ? await interfacesOf(`/proc/${first.pid}/net/dev`) : [],
  };
}

/** Undefined: its runtime does not say. */
async function containerStats(
  { id, name, imageReference, startedAt, logPath, resources }: ContainerStatus,
  used: ContainerStats | undefined,
): Promise<ContainerStatsOfNode | undefined> {
  if (used === undefined) return undefined;
  const log = logPath === '' ? undefined : await stat(logPath).catch(() => undefined);
  return {
    id,
    name,
    image: imageReference,
    startedAt,
    cpuUsageNanos: used.cpuUsageNanos,
    memoryUsageBytes: used.memoryUsageBytes,
    memoryWorkingSetBytes: used.memoryWorkingSetBytes,
    processes: used.pids,
    logBytes: log?.size ?? 0,
    memoryLimitBytes: resources?.memoryLimitBytes ?? 0,
    cpuLimitMillis: resources?.cpuLimitMillis ?? 0,
  };
}

async function interfacesOf(path: string): Promise<InterfaceStats[]> {
  return parseInterfaces(await readFile(path, 'utf8').catch(() => ''));
}

/** proc(5), net/dev: received bytes, packets, errors, … then, from the ninth on, the same of what was sent. The loopback is left out. */
export function parseInterfaces(text: string): InterfaceStats[] {
  return text.split('\n').flatMap((line) => {
    const [, name, rest = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    const figures = rest.trim().split(/\s+/).map(Number);
    if (name === undefined || name === 'lo' || figures.length < 11) return [];
    const [receivedBytes = 0, , receiveErrors = 0] = figures;
    return [{ name, receivedBytes, receiveErrors, sentBytes: figures[8] ?? 0, sendErrors: figures[10] ?? 0 }];
  });
}

async function processesOfMachine(): Promise<Pick<NodeStats, 'processes' | 'maxProcesses' | 'startedAt'>> {
  const [load, limit, stats] = await Promise.all(
    ['/proc/loadavg', '/proc/sys/kernel/pid_max', '/proc/stat'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const [, total] = /\d+\/(\d+)/.exec(load ?? '') ?? [];
  const [, booted] = /^btime (\d+)$/m.exec(stats ?? '') ?? [];
  return { processes: Number(total ?? 0), maxProcesses: Number(limit), startedAt: Number(booted ?? 0) * 1000 };
}
