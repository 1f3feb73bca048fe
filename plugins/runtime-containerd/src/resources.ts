import type { LinuxResources, ResourceUpdate } from '@timonel/sdk/contracts/runtime';

const periodMicros = 100_000;
const smallestQuotaMicros = 1000;
const shares = { default: 1024, least: 2, most: 262_144 };

export function quotaMicros(limitMillis: number): number {
  return Math.max(smallestQuotaMicros, Math.round((limitMillis * periodMicros) / 1000));
}

export function boundedShares(wanted: number): number {
  return wanted === -1 ? shares.default : Math.min(shares.most, Math.max(shares.least, Math.round(wanted)));
}

/** Kubernetes says `2Mi`, the kernel `2MB`. */
function pageSize(name: string): string {
  return `${name.replace(/i$/, '')}B`;
}

function cpu({ cpuLimitMillis, cpuShares }: LinuxResources): object {
  return {
    ...(cpuLimitMillis === undefined
      ? {}
      : { cpuPeriod: periodMicros, cpuQuota: cpuLimitMillis === -1 ? -1 : quotaMicros(cpuLimitMillis) }),
    ...(cpuShares === undefined ? {} : { cpuShares: boundedShares(cpuShares) }),
  };
}

function memory({ memoryLimitBytes, swapLimitBytes }: LinuxResources): object {
  if (memoryLimitBytes === undefined) return {};
  if (memoryLimitBytes === -1) return { memoryLimitInBytes: -1 };
  // The CRI counts memory and swap together.
  const swap = swapLimitBytes === undefined ? {} : { memorySwapLimitInBytes: memoryLimitBytes + swapLimitBytes };
  return { memoryLimitInBytes: memoryLimitBytes, ...(swapLimitBytes === -1 ? { memorySwapLimitInBytes: -1 } : swap) };
}

/** cgroup v2 knows more than the fields of the CRI. */
function unified({ memoryMinBytes, memoryHighBytes, pidsLimit }: LinuxResources): Record<string, string> {
  const text = (value: number, none: string): string => (value === -1 ? none : String(value));
  return {
    ...(memoryMinBytes === undefined ? {} : { 'memory.min': text(memoryMinBytes, '0') }),
    ...(memoryHighBytes === undefined ? {} : { 'memory.high': text(memoryHighBytes, 'max') }),
    ...(pidsLimit === undefined ? {} : { 'pids.max': text(pidsLimit, 'max') }),
  };
}

/** The limits in the words of the CRI. */
export function criResources(resources: LinuxResources, cgroup: 'v1' | 'v2'): object {
  const { oomScoreAdj, cpusetCpus, cpusetMems, hugePageLimits = {} } = resources;
  return {
    ...cpu(resources),
    ...memory(resources),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...(cpusetCpus === undefined ? {} : { cpusetCpus }),
    ...(cpusetMems === undefined ? {} : { cpusetMems }),
    hugepageLimits: Object.entries(hugePageLimits).map(([name, limit]) => ({ pageSize: pageSize(name), limit })),
    ...(cgroup === 'v2' ? { unified: unified(resources) } : {}),
  };
}

/**
 * What cgroup v1 has and the CRI lacks, as the OCI runtime specification words it: containerd passes it on to a container that runs.
 * Undefined: nothing.
 */
export function taskResources(
  resources: LinuxResources | ResourceUpdate,
  cgroup: 'v1' | 'v2',
): Readonly<Record<string, object>> | undefined {
  const { pidsLimit, memoryMinBytes } = resources;
  if (cgroup === 'v2' || (pidsLimit === undefined && memoryMinBytes === undefined)) return undefined;
  return {
    ...(pidsLimit === undefined ? {} : { pids: { limit: pidsLimit } }),
    ...(memoryMinBytes === undefined ? {} : { memory: { reservation: memoryMinBytes } }),
  };
}
