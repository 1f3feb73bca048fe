/** What pods can be given of a node: the kubelet's sum. Pure. */
import { formatMilliQuantity, milliCpu, wholeQuantity, type Quantities } from '@timonel/sdk/kube';
import { amountOf, hardThresholds, resolved, type HardThresholdSettings } from '../eviction/thresholds.ts';
import type { NodeConfig } from './node-config.ts';

type Kept = Pick<NodeConfig, 'kubeReserved' | 'systemReserved'> & HardThresholdSettings;

const kib = 1024;

function reservedOf({ kubeReserved, systemReserved }: Kept, name: string): readonly string[] {
  return [kubeReserved[name] ?? '0', systemReserved[name] ?? '0'];
}

/** Below a hard threshold pods are ended: nobody can count on that much. */
function thresholdOf(kept: Kept, signal: string, capacity: number): number {
  const amount = amountOf(hardThresholds(kept)[signal] ?? '0');
  return amount === undefined ? 0 : resolved(amount, capacity);
}

function reservedBytes(kept: Kept, name: string): number {
  return reservedOf(kept, name).reduce((sum, text) => sum + (wholeQuantity(text) ?? 0), 0);
}

/** What pods may use together: what is kept for the system and for Timonel is not theirs. */
export function podMemoryBytes(capacityBytes: number, kept: Kept): number {
  return Math.max(0, capacityBytes - reservedBytes(kept, 'memory'));
}

/** `hugePageBytes`: memory in huge pages is nobody's who asks for memory. */
export function allocatableOf(capacity: Quantities, hugePageBytes: number, kept: Kept): Quantities {
  const memory = wholeQuantity(capacity['memory'] ?? '0') ?? 0;
  const disk = wholeQuantity(capacity['ephemeral-storage'] ?? '0') ?? 0;
  const cpu = milliCpu(capacity['cpu'] ?? '0') ?? 0;
  const keptMemory = thresholdOf(kept, 'memory.available', memory) + hugePageBytes;
  const keptDisk = reservedBytes(kept, 'ephemeral-storage') + thresholdOf(kept, 'nodefs.available', disk);
  const keptCpu = reservedOf(kept, 'cpu').reduce((sum, text) => sum + (milliCpu(text) ?? 0), 0);
  const memoryKib = Math.floor((podMemoryBytes(memory, kept) - keptMemory) / kib);
  return {
    ...capacity,
    ...(keptCpu === 0 ? {} : { cpu: formatMilliQuantity(Math.max(0, cpu - keptCpu)) }),
    ...(capacity['memory'] === undefined ? {} : { memory: `${Math.max(0, memoryKib)}Ki` }),
    ...(capacity['ephemeral-storage'] === undefined
      ? {}
      : { 'ephemeral-storage': String(Math.max(0, disk - keptDisk)) }),
  };
}

/** The limit of all pods together. Undefined: the kernel is not asked to keep them within one. */
export function enforcedPodMemory(
  config: Kept & Pick<NodeConfig, 'enforceNodeAllocatable'>,
  capacityBytes: number,
): number | undefined {
  const bytes = podMemoryBytes(capacityBytes, config);
  return config.enforceNodeAllocatable.includes('pods') && bytes > 0 && bytes < capacityBytes ? bytes : undefined;
}
