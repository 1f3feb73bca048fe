/** Grants resizes of running pods, and carries them out: the pod's group grows first, then the containers change, then it shrinks. */
import { errorMessage } from '@timonel/sdk';
import { updatedResources, type ContainerStatus, type SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { milliCpu, wholeQuantity, type Container, type Pod, type ResourceRequirements } from '@timonel/sdk/kube';
import { podRequest } from '@timonel/sdk/scheduling';
import { linuxResources, podResources } from '../container/qos.ts';
import { isFinished, latestTry } from '../plan/containers.ts';
import {
  allocatedPod,
  declaredResources,
  largerOf,
  obstacleTo,
  recalledResources,
  resizable,
  restartedFor,
  sameResources,
  updateTo,
  type Room,
} from '../plan/resize.ts';
import type { PodRecord } from './executor.ts';
import type { AgentServices } from './services.ts';

const deferredRetryMs = 30_000;
const failedRetryMs = 10_000;

/** `declared`: the pod as the API has it; `record` gives it as it was granted. */
export async function resizeStep(services: AgentServices, record: PodRecord, declared: Pod): Promise<void> {
  const { resize } = record.memory;
  if (resize.allocated === undefined) {
    const isKnown = record.containers.size > 0 || record.memory.finished.size > 0;
    resize.allocated = isKnown ? recalledResources(declared) : declaredResources(declared);
  }
  if (declared.metadata.deletionTimestamp !== undefined || isFinished(record.view())) {
    resize.pending = undefined;
    resize.progress = undefined;
    return;
  }
  decide(services, record, declared);
  await carryOut(services, record, declared);
}

function decide(services: AgentServices, record: PodRecord, declared: Pod): void {
  const { resize } = record.memory;
  const now = services.env.clock.now();
  const wanted = declaredResources(declared);
  const granted = resize.allocated ?? wanted;
  const isGranted = [...wanted].every(([name, resources]) => sameResources(resources, granted.get(name) ?? {}));
  if (isGranted) {
    resize.pending = undefined;
    return;
  }
  const obstacle = obstacleTo(
    podRequest(declared),
    podRequest(record.pod()),
    nodeRoom(services),
    services.room.takenByOthers(declared),
  );
  if (obstacle !== undefined) {
    if (resize.pending?.message !== obstacle.message) {
      services.event(
        declared,
        'Warning',
        `Resize${obstacle.reason}`,
        `Pod resize ${obstacle.reason}: ${obstacle.message}`,
      );
    }
    resize.pending = { ...obstacle, retryAt: now + deferredRetryMs };
    return;
  }
  for (const [name, resources] of granted) if (!resize.actual.has(name)) resize.actual.set(name, resources);
  resize.pending = undefined;
  resize.allocated = wanted;
  resize.progress = { generation: declared.metadata.generation, error: undefined, retryAt: now };
  services.event(declared, 'Normal', 'ResizeStarted', `Pod resize started: ${described(wanted)}`);
}

function nodeRoom(services: AgentServices): Room {
  const { cpu = '0', memory = '0' } = services.allocatable();
  return { milliCpu: milliCpu(cpu) ?? 0, memoryBytes: wholeQuantity(memory) ?? 0 };
}

function described(resources: ReadonlyMap<string, ResourceRequirements>): string {
  return JSON.stringify({ containers: [...resources].map(([name, each]) => ({ name, resources: each })) });
}

async function carryOut(services: AgentServices, record: PodRecord, declared: Pod): Promise<void> {
  const { resize } = record.memory;
  const now = services.env.clock.now();
  if (resize.progress === undefined || resize.progress.retryAt > now) return;
  const pod = allocatedPod(declared, resize.allocated);
  const sandbox = [...record.sandboxes.values()].find(({ state }) => state === 'ready');
  try {
    if (sandbox !== undefined) await changePod(services, record, pod, sandbox);
  } catch (error) {
    const message = errorMessage(error);
    if (resize.progress.error !== message)
      services.event(declared, 'Warning', 'ResizeError', `Pod resize error: ${message}`);
    resize.progress = { ...resize.progress, error: message, retryAt: now + failedRetryMs };
    return;
  }
  if (resize.restarting.size > 0) {
    // The end of the container and its new start make the next steps.
    resize.progress = { ...resize.progress, error: undefined, retryAt: now };
    return;
  }
  resize.progress = undefined;
  resize.actual.clear();
  services.event(
    declared,
    'Normal',
    'ResizeCompleted',
    `Pod resize completed: ${described(resize.allocated ?? new Map())}`,
  );
  services.room.changed();
}

async function changePod(services: AgentServices, record: PodRecord, pod: Pod, first: SandboxStatus): Promise<void> {
  const wanted = podResources(pod, services.policy);
  let sandbox = first;
  const change = async (target: typeof wanted): Promise<void> => {
    // A runtime that enforces no limits has none to change.
    const update = sandbox.resources === undefined ? undefined : updateTo(target, sandbox.resources);
    if (update === undefined) return;
    await record.runtime().updateSandbox(sandbox.id, update);
    sandbox = { ...sandbox, resources: updatedResources(sandbox.resources ?? {}, update) };
    record.sandboxes.set(sandbox.id, sandbox);
  };
  await change(largerOf(sandbox.resources ?? {}, wanted));
  const { restarting } = record.memory.resize;
  for (const container of resizable(pod)) await changeContainer(services, record, pod, container);
  for (const id of restarting) if (!isLatest(record, id)) restarting.delete(id);
  if (restarting.size === 0) await change(wanted);
}

function isLatest(record: PodRecord, id: string): boolean {
  const container = record.containers.get(id);
  return container !== undefined && latestTry(record.view(), container.name)?.id === id;
}

async function changeContainer(
  services: AgentServices,
  record: PodRecord,
  pod: Pod,
  container: Container,
): Promise<void> {
  const { resize } = record.memory;
  const { name, resources: target = {} } = container;
  const latest = latestTry(record.view(), name);
  const from = resize.actual.get(name) ?? target;
  if (latest === undefined || latest.state === 'exited' || latest.resources === undefined) {
    resize.actual.delete(name);
    return;
  }
  const update = updateTo(linuxResources(pod, container, services.policy), latest.resources);
  if (update !== undefined && restartedFor(container, from, target) !== undefined) {
    resize.restarting.add(latest.id);
    return;
  }
  if (update !== undefined) {
    await record.runtime().updateContainer(latest.id, update);
    record.containers.set(latest.id, withLimits(latest, update));
  }
  resize.actual.delete(name);
}

function withLimits(status: ContainerStatus, update: Parameters<typeof updatedResources>[1]): ContainerStatus {
  return { ...status, resources: updatedResources(status.resources ?? {}, update) };
}
