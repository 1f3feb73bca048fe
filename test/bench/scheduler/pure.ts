/** The process with a scheduler alone: `pure.ts JSON`. Prints what it measured. */
import type { Measured } from './cluster.ts';
import { Executor } from './executor.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { schedulerAlone } from './scheduler-alone.ts';
import type { Utilisation } from './utilisation.ts';
import { findWorkload, type WorkloadName } from './workload/find-workload.ts';

export interface PureOptions extends WorkloadName {
  /** Name of the plugin that decides. */
  readonly scheduler: string;
}

export interface PureResult {
  readonly measured: readonly Measured[];
  readonly utilisation: Utilisation;
  readonly residentMB: number;
}

const { scheduler, ...name } = JSON.parse(process.argv[2] ?? '{}') as PureOptions;
const alone = await schedulerAlone(scheduler);
const cluster = new MemoryCluster(alone);
const measured = await new Executor(cluster).run(findWorkload(name).operations);
const residentMB = process.memoryUsage.rss() / 1e6;
const result: PureResult = { measured, utilisation: cluster.utilisation, residentMB };
cluster.close();
await alone.close();
console.log(JSON.stringify(result));
