/** Logs of the containers of this node. */
import { join } from 'node:path';
import type { LogOptions, PodReference } from '@timonel/sdk/contracts/node';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import type { Agent } from '../agent/agent.ts';
import { logDirectory } from '../agent/directories.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';
import { finishedBefore, latestTry } from '../plan/containers.ts';
import { containerName, workerOf } from '../sessions/find.ts';
import { readLog } from './read.ts';

/** The try whose log is wanted. @throws ApiError BadRequest when there is none. */
function wantedTry(worker: PodWorker, options: LogOptions): ContainerStatus {
  const name = containerName(worker, options.container);
  const pod = worker.pod().metadata.name ?? '';
  const view = worker.view();
  const latest = latestTry(view, name) ?? view.memory.finished.get(name);
  if (options.previous) {
    const previous = finishedBefore(view, name, latest?.attempt ?? 0);
    if (previous !== undefined) return previous;
    throw new ApiError('BadRequest', `previous terminated container "${name}" in pod "${pod}" not found`);
  }
  if (latest !== undefined && latest.state !== 'created') return latest;
  const reason = view.memory.starts.get(name)?.reason ?? 'ContainerCreating';
  const problem = reason === 'ContainerCreating' ? reason : `trying and failing to start: ${reason}`;
  throw new ApiError('BadRequest', `container "${name}" in pod "${pod}" is waiting to start: ${problem}`);
}

export async function* logsOf(
  services: AgentServices,
  agent: Agent,
  pod: PodReference,
  options: LogOptions,
): AsyncGenerator<Uint8Array> {
  const worker = workerOf(agent, pod);
  const wanted = wantedTry(worker, options);
  const file = join(logDirectory(services.dataDir, pod), wanted.name, `${wanted.attempt}.log`);
  const path = wanted.logPath === '' ? file : wanted.logPath;
  const ended = async (): Promise<boolean> => {
    const known = worker.containers.get(wanted.id);
    if (known === undefined || known.state === 'exited') return true;
    const status = await worker.runtime().containerStatus(wanted.id);
    return status === undefined || status.state === 'exited';
  };
  yield* readLog(path, options, services.env, ended);
}
