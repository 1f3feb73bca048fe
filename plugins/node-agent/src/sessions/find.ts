/** Finds what a caller of the node names: pods of this node, their containers and sandboxes. */
import type { PodReference } from '@timonel/sdk/contracts/node';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import type { Agent } from '../agent/agent.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import { containerNamed, newestSandbox, runningTry } from '../plan/containers.ts';

/** @throws ApiError NotFound */
export function workerOf(agent: Agent, pod: PodReference): PodWorker {
  const worker = agent.worker(pod.uid);
  if (worker === undefined) throw new ApiError('NotFound', `pods "${pod.name}" not found on this node`);
  return worker;
}

/** The name that is meant: the first container's when it is empty. @throws ApiError BadRequest when the pod has none of that name. */
export function containerName(worker: PodWorker, wanted: string): string {
  const pod = worker.pod();
  const name = wanted === '' ? (pod.spec.containers[0]?.name ?? '') : wanted;
  if (containerNamed(pod, name) !== undefined) return name;
  throw new ApiError('BadRequest', `container ${name} is not valid for pod ${pod.metadata.name ?? ''}`);
}

/** @throws ApiError BadRequest when it does not run. */
export function runningContainer(worker: PodWorker, wanted: string): ContainerStatus {
  const name = containerName(worker, wanted);
  const running = runningTry(worker.view(), name);
  if (running !== undefined) return running;
  throw new ApiError('BadRequest', `container ${name} is not running`);
}

/** Id of the pod's sandbox. @throws ApiError BadRequest when the pod does not run. */
export function readySandbox(worker: PodWorker): string {
  const sandbox = newestSandbox(worker.view());
  if (sandbox?.state === 'ready') return sandbox.id;
  throw new ApiError('BadRequest', `pod ${worker.pod().metadata.name ?? ''} is not running`);
}
