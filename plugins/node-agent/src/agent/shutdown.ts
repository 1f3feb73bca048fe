/** The end of a node whose containers must not outlive it. Volumes and logs stay: the pods run again when the node comes back. */
import { errorMessage } from '@timonel/sdk';
import type { Pod } from '@timonel/sdk/kube';
import type { AgentConfig } from '../config.ts';
import { labelKeys } from '../plan/identity.ts';
import { referenceOf } from '../volumes/served-volumes.ts';
import type { PodIdentity } from './gone-check.ts';
import { PodWorker } from './pod-worker.ts';
import type { Holdings, Runtimes } from './runtimes.ts';
import type { AgentServices } from './services.ts';

interface ShutdownParts {
  readonly services: AgentServices;
  readonly runtimes: Runtimes;
  readonly config: AgentConfig;
}

/** Stands for a pod of which no more is known than what the runtime holds. */
export function strayPod({ name, namespace, uid }: PodIdentity): Pod {
  const metadata = { name, namespace, uid, deletionGracePeriodSeconds: 1, labels: { [labelKeys.podUid]: uid } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
}

/** Removes the containers of the given pods, which nobody works on any more, and of those that only the runtimes know. */
export async function removeContainers(parts: ShutdownParts, workers: readonly PodWorker[]): Promise<void> {
  const strays = await straysOf(parts, new Set(workers.map((worker) => worker.pod().metadata.uid ?? '')));
  await Promise.all([...workers, ...strays].map((worker) => removeTraces(parts, worker)));
}

/** The end came before the API answered. */
async function straysOf({ services, runtimes }: ShutdownParts, known: ReadonlySet<string>): Promise<PodWorker[]> {
  try {
    const { holdings } = await runtimes.list(() => undefined);
    return holdings.filter(({ podUid }) => !known.has(podUid)).map((held) => workerOfStray(services, held));
  } catch (error) {
    services.log.error({ error: errorMessage(error) }, 'the runtimes could not be listed at shutdown');
    return [];
  }
}

function workerOfStray(services: AgentServices, held: Holdings): PodWorker {
  const { podName: name = '', podNamespace: namespace = '' } = held.sandboxes[0] ?? {};
  const pod = strayPod({ name, namespace, uid: held.podUid });
  const worker = new PodWorker(services, pod, undefined, () => undefined);
  // It only holds what there is: nothing may be planned for it.
  void worker.close();
  worker.adopt(held);
  return worker;
}

async function removeTraces({ services, config }: ShutdownParts, worker: PodWorker): Promise<void> {
  try {
    const running = [...worker.containers.values()].filter((container) => container.state !== 'exited');
    await Promise.all(running.map((container) => worker.runtime().stopContainer(container.id, config.shutdownGraceMs)));
    for (const sandbox of worker.sandboxes.values()) {
      // One that cannot be detached (the disk is full) must not run on.
      const [detached] = await Promise.allSettled([services.network.detach(sandbox.id)]);
      await worker.runtime().removeSandbox(sandbox.id);
      if (detached.status === 'rejected') throw detached.reason;
    }
    await services.volumes.remove(referenceOf(worker.pod()));
  } catch (error) {
    const { name, namespace } = worker.pod().metadata;
    services.log.error({ pod: name, namespace, error: errorMessage(error) }, 'pod not removed at shutdown');
  }
}
