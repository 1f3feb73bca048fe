/** Images for containers: what is there at once, and what has to be asked for, with the events that tell of it. */
import { errorMessage, type Env } from '@timonel/sdk';
import { ImageError, type EnsuredImage, type ImageService } from '@timonel/sdk/contracts/images';
import type { Container, Pod } from '@timonel/sdk/kube';
import type { EventType } from '../agent/services.ts';
import type { Semaphore } from '../agent/semaphore.ts';
import { goDuration } from './go-duration.ts';
import { credentialsOf, fitsImage, type CredentialSources } from './pod-credentials.ts';
import type { PullRecords } from './pull-records.ts';

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface PullerParts {
  readonly images: Pick<ImageService, 'find' | 'ensure'>;
  readonly sources: CredentialSources;
  readonly records: PullRecords;
  readonly env: Env;
  /** Bound of pulls at the same time. Undefined: none. */
  readonly bound: Semaphore | undefined;
  event(pod: Pod, type: EventType, reason: string, message: string): void;
}

/** As the API defaults it: images without a tag or with `latest` are looked up each time. */
export function pullPolicyOf({
  imagePullPolicy: policy,
  image = '',
}: Pick<Container, 'imagePullPolicy' | 'image'>): PullPolicy {
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  const tagged = image.includes('@') || /:[^/]+$/.test(image);
  return !tagged || image.endsWith(':latest') ? 'Always' : 'IfNotPresent';
}

export class ImagePuller {
  readonly #parts: PullerParts;

  constructor(parts: PullerParts) {
    this.#parts = parts;
  }

  /** What is there already and need not be asked for. Undefined: it has to be pulled. @throws ImageError */
  async present(pod: Pod, reference: string, policy: PullPolicy): Promise<EnsuredImage | undefined> {
    const { images } = this.#parts;
    // In any case, so that a name that is none is refused before anybody is asked for it.
    const found = await images.find(reference);
    if (policy === 'Always') return undefined;
    if (found === undefined) return policy === 'Never' ? images.ensure(reference, policy) : undefined;
    if (!(await this.#mayUse(pod, reference, found.id))) {
      if (policy === 'IfNotPresent') return undefined;
      throw new ImageError(
        'ErrImageNeverPull',
        `image ${JSON.stringify(reference)} was pulled with credentials that this pod does not have, and imagePullPolicy is Never`,
      );
    }
    this.#present(pod, reference);
    return { ...found, pulled: undefined };
  }

  /** Asks the registry. @throws ImageError, and the signal's reason */
  async pull(pod: Pod, reference: string, signal: AbortSignal): Promise<EnsuredImage> {
    const { env, bound } = this.#parts;
    const asked = env.clock.monotonic();
    const work = async (): Promise<EnsuredImage> => {
      signal.throwIfAborted();
      this.#parts.event(pod, 'Normal', 'Pulling', `Pulling image "${reference}"`);
      const began = env.clock.monotonic();
      const image = await this.#ask(pod, reference, signal);
      if (image.pulled === undefined) this.#present(pod, reference);
      else this.#pulled(pod, reference, image, began, asked);
      return image;
    };
    return bound === undefined ? work() : bound.run(work);
  }

  async #ask(pod: Pod, reference: string, signal: AbortSignal): Promise<EnsuredImage> {
    const { images, records, sources } = this.#parts;
    const { found, missing } = await credentialsOf(sources, pod);
    if (missing.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
      this.#parts.event(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    const credentials = found.map((each) => each.credentials);
    const fitting = found.filter((each) => fitsImage(each.credentials, reference));
    if (fitting.length > 0) await records.begin(reference);
    // Somebody else's image may be here: only the registry can say whether this pod may have it.
    const image = await images.ensure(reference, 'Always', { credentials, signal });
    await records.done(
      image.id,
      reference,
      fitting.flatMap((each) => each.marks),
    );
    return image;
  }

  async #mayUse(pod: Pod, reference: string, imageId: string): Promise<boolean> {
    const { records, sources } = this.#parts;
    if (records.isOpen(imageId, reference)) return true;
    const { found } = await credentialsOf(sources, pod);
    const fitting = found.filter((each) => fitsImage(each.credentials, reference));
    return records.knows(
      imageId,
      fitting.flatMap((each) => each.marks),
    );
  }

  /** Tells of a failure, in the words of the kubelet. */
  failed(pod: Pod, reference: string, reason: string, error: unknown): void {
    const event = (type: EventType, why: string, message: string): void => this.#parts.event(pod, type, why, message);
    if (reason === 'InvalidImageName') {
      event('Warning', 'InspectFailed', `Failed to apply default image tag "${reference}": ${errorMessage(error)}`);
    } else if (reason === 'ErrImageNeverPull') {
      event('Warning', reason, `Container image "${reference}" is not present with pull policy of Never`);
    } else event('Warning', 'Failed', `Failed to pull image "${reference}": ${errorMessage(error)}`);
    event('Warning', 'Failed', `Error: ${reason}`);
  }

  #present(pod: Pod, reference: string): void {
    this.#parts.event(pod, 'Normal', 'Pulled', `Container image "${reference}" already present on machine`);
  }

  #pulled(pod: Pod, reference: string, { sizeBytes }: EnsuredImage, began: number, asked: number): void {
    const end = this.#parts.env.clock.monotonic();
    const times = `${goDuration(end - began)} (${goDuration(end - asked)} including waiting)`;
    const message = `Successfully pulled image "${reference}" in ${times}. Image size: ${sizeBytes} bytes.`;
    this.#parts.event(pod, 'Normal', 'Pulled', message);
  }
}
