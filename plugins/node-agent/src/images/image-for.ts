/** The image of a container that is to start: at once when it is here, else pulled beside the pod's other steps. */
import type { EnsuredImage } from '@timonel/sdk/contracts/images';
import type { Container } from '@timonel/sdk/kube';
import type { PodRecord } from '../agent/executor.ts';
import type { AgentServices } from '../agent/services.ts';
import { reasonOf } from '../agent/reason-of.ts';
import { startFailure } from '../agent/start-failure.ts';
import type { Pull } from '../plan/view.ts';
import { pullPolicyOf } from './puller.ts';

/** Undefined: it is being pulled, or cannot be had, which is noted then. */
export async function imageFor(
  services: AgentServices,
  record: PodRecord,
  container: Container,
): Promise<EnsuredImage | undefined> {
  const { pulls } = record.memory;
  const { name, image: reference = '' } = container;
  const before = pulls.get(name);
  if (before?.reference === reference) {
    if (before.image !== undefined) pulls.delete(name);
    return before.image;
  }
  before?.abort.abort();
  pulls.delete(name);
  try {
    const image = await services.puller.present(record.pod(), reference, pullPolicyOf(container));
    if (image !== undefined) return image;
  } catch (error) {
    noteFailure(services, record, container, error);
    return undefined;
  }
  const pull: Pull = { reference, abort: new AbortController(), image: undefined };
  pulls.set(name, pull);
  void pullBeside(services, record, container, pull);
  return undefined;
}

async function pullBeside(services: AgentServices, record: PodRecord, container: Container, pull: Pull): Promise<void> {
  const { pulls } = record.memory;
  const isCurrent = (): boolean => pulls.get(container.name) === pull;
  try {
    const { reference, abort } = pull;
    const image = await services.puller.pull(record.pod(), reference, abort.signal);
    if (!isCurrent()) return;
    pulls.set(container.name, { ...pull, image });
  } catch (error) {
    if (!isCurrent()) return;
    pulls.delete(container.name);
    noteFailure(services, record, container, error);
  }
  record.trigger();
}

function noteFailure(
  services: AgentServices,
  record: PodRecord,
  { name, image = '' }: Container,
  error: unknown,
): void {
  const { starts } = record.memory;
  const reason = reasonOf(error, 'ErrImagePull');
  services.puller.failed(record.pod(), image, reason, error);
  starts.set(name, startFailure({ ok: false, reason, error }, starts.get(name), services.env.clock.now()));
}

/** Nothing of the pod will start any more. */
export function endPulls(pulls: Map<string, Pull>): void {
  for (const { abort } of pulls.values()) abort.abort();
  pulls.clear();
}
