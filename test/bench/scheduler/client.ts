/** The process that runs a workload against a server: `client.ts JSON`. Prints what it measured. */
import type { ServedAt } from '../api/server.ts';
import type { Measured } from './cluster.ts';
import { Executor } from './executor.ts';
import { HttpCluster } from './http-cluster.ts';
import type { Utilisation } from './utilisation.ts';
import { findWorkload, type WorkloadName } from './workload/find-workload.ts';

export interface ClientOptions extends WorkloadName {
  readonly server: ServedAt;
  readonly serverPid: number;
}

export interface ClientResult {
  readonly measured: readonly Measured[];
  readonly utilisation: Utilisation;
  /** Share of a core that the client used. */
  readonly clientCpu: number;
}

const { server, serverPid, ...name } = JSON.parse(process.argv[2] ?? '{}') as ClientOptions;
const cluster = await HttpCluster.open(server, serverPid);
const began = performance.now();
const measured = await new Executor(cluster).run(findWorkload(name).operations);
const { user, system } = process.cpuUsage();
const clientCpu = (user + system) / 1000 / (performance.now() - began);
const result: ClientResult = { measured, utilisation: cluster.utilisation, clientCpu };
cluster.close();
console.log(JSON.stringify(result));
