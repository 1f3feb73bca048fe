/** The images for the start of a container: at once when they are here, else pulled beside the pod's other steps. */
import type { EnsuredImage } from '@timonel/sdk/contracts/images';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import type { Container } from '@timonel/sdk/kube';
import type { PodRecord } from '../agent/executor.ts';
import type { AgentServices } from '../agent/services.ts';
import { reasonOf } from '../agent/reason-of.ts';
import { startFailure } from '../agent/start-failure.ts';
import type { Pull } from '../plan/view.ts';
import { wantedImages, type WantedImage } from '../plan/wanted-images.ts';
import { pullPolicyOf } from './puller.ts';

export interface StartImages {
  readonly image: EnsuredImage;
  /** By name of the volume. */
  readonly volumes: ReadonlyMap<string, RootFilesystem>;
}

/** Undefined: one is being pulled, or cannot be had, which is noted then. */
export async function startImages(
  services: AgentServices,
  record: PodRecord,
  container: Container,
): Promise<StartImages | undefined> {
  const { pulls } = record.memory;
  const wanted = wantedImages(record.pod(), container);
  const found = await Promise.all(wanted.map((each) => imageFor(services, record, container, each)));
  const [image, ...others] = found;
  const volumes = new Map<string, RootFilesystem>();
  for (const [at, each] of others.entries()) {
    const name = wanted[at + 1]?.volume;
    if (each !== undefined && name !== undefined) volumes.set(name, each.rootfs);
  }
  if (image === undefined || volumes.size < others.length) return undefined;
  for (const { key } of wanted) pulls.delete(key);
  return { image, volumes };
}

async function imageFor(
  services: AgentServices,
  record: PodRecord,
  container: Container,
  wanted: WantedImage,
): Promise<EnsuredImage | undefined> {
  const { pulls } = record.memory;
  const { key, image: reference } = wanted;
  const before = pulls.get(key);
  if (before?.reference === reference) return before.image;
  before?.abort.abort();
  pulls.delete(key);
  const abort = new AbortController();
  try {
    const image = await services.puller.present(record.pod(), reference, pullPolicyOf(wanted));
    if (image !== undefined) {
      // Kept until all that the start needs are here.
      pulls.set(key, { reference, abort, image });
      return image;
    }
  } catch (error) {
    noteFailure(services, record, container, wanted, error);
    return undefined;
  }
  const pull: Pull = { reference, abort, image: undefined };
  pulls.set(key, pull);
  void pullBeside(services, record, container, wanted, pull);
  return undefined;
}

async function pullBeside(
  services: AgentServices,
  record: PodRecord,
  container: Container,
  wanted: WantedImage,
  pull: Pull,
): Promise<void> {
  const { pulls } = record.memory;
  const isCurrent = (): boolean => pulls.get(wanted.key) === pull;
  try {
    const image = await services.puller.pull(record.pod(), pull.reference, pull.abort.signal);
    if (!isCurrent()) return;
    pulls.set(wanted.key, { ...pull, image });
  } catch (error) {
    if (!isCurrent()) return;
    pulls.delete(wanted.key);
    noteFailure(services, record, container, wanted, error);
  }
  record.trigger();
}

function noteFailure(
  services: AgentServices,
  record: PodRecord,
  { name }: Container,
  { image }: WantedImage,
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
