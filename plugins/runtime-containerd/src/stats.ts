import type { ContainerStats } from '@timonel/sdk/contracts/runtime';
import type { ContainerHoldings } from './container-holdings.ts';
import type { Channel } from './cri/channel.ts';
import { containerStates } from './cri/types.ts';
import { labels } from './identity.ts';
import type { PodGroups } from './pod-groups.ts';

export interface StatsSources {
  readonly channel: Channel;
  readonly instance: string;
  readonly holdings: ContainerHoldings;
  readonly groups: PodGroups;
}

/** The figures of all running containers. The CRI does not count processes: the kernel does. */
export async function statsOf({ channel, instance, holdings, groups }: StatsSources): Promise<ContainerStats[]> {
  const filter = { labelSelector: { [labels.instance]: instance } };
  const found = new Map((await holdings.all()).map((each) => [each.criId, each]));
  const { stats } = await channel.call('ListContainerStats', { filter });
  return stats.flatMap(({ attributes, cpu, memory }): ContainerStats[] => {
    const of = found.get(attributes?.id ?? '');
    const usage = memory?.usageBytes?.value ?? memory?.workingSetBytes?.value;
    if (of?.criState !== containerStates.running || usage === undefined) return [];
    const { id, sandboxId } = of.stored;
    return [
      {
        id,
        cpuUsageNanos: cpu?.usageCoreNanoSeconds?.value ?? 0,
        memoryUsageBytes: usage,
        memoryWorkingSetBytes: Math.min(usage, memory?.workingSetBytes?.value ?? usage),
        pids: groups.pids(sandboxId, of.criId),
      },
    ];
  });
}
