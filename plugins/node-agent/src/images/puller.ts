/** Images for containers: what is there at once, and what has to be asked for, with the events that tell of it. */
import { errorMessage, type Env } from '@timonel/sdk';
import type { EnsuredImage, ImageService, RegistryCredentials } from '@timonel/sdk/contracts/images';
import type { Container, Pod } from '@timonel/sdk/kube';
import type { EventType } from '../agent/services.ts';
import type { Semaphore } from '../agent/semaphore.ts';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import { serviceAccountOf } from '../checkpoint/references.ts';
import { goDuration } from './go-duration.ts';
import { pullCredentials } from './pull-secrets.ts';

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface PullerParts {
  readonly images: Pick<ImageService, 'find' | 'ensure'>;
  readonly sources: Pick<RememberedSources, 'secret' | 'serviceAccount'>;
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
    if (policy === 'Always') return undefined;
    const { images } = this.#parts;
    if (policy === 'IfNotPresent' && (await images.find(reference)) === undefined) return undefined;
    const image = await images.ensure(reference, policy);
    this.#present(pod, reference);
    return image;
  }

  /** Asks the registry. @throws ImageError, and the signal's reason */
  async pull(pod: Pod, reference: string, policy: PullPolicy, signal: AbortSignal): Promise<EnsuredImage> {
    const { env, bound } = this.#parts;
    const asked = env.clock.monotonic();
    const work = async (): Promise<EnsuredImage> => {
      signal.throwIfAborted();
      this.#parts.event(pod, 'Normal', 'Pulling', `Pulling image "${reference}"`);
      const began = env.clock.monotonic();
      const credentials = await this.#credentials(pod);
      const image = await this.#parts.images.ensure(reference, policy, { credentials, signal });
      if (image.pulled === undefined) this.#present(pod, reference);
      else this.#pulled(pod, reference, image, began, asked);
      return image;
    };
    return bound === undefined ? work() : bound.run(work);
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

  /** Of the pod's secrets; when it names none, of those of its service account. */
  async #credentials(pod: Pod): Promise<RegistryCredentials[]> {
    const namespace = pod.metadata.namespace ?? '';
    const found: RegistryCredentials[] = [];
    const missing: string[] = [];
    for (const name of await this.#secretNames(pod, namespace)) {
      try {
        const secret = await this.#parts.sources.secret(namespace, name);
        if (secret === undefined) missing.push(name);
        else found.push(...pullCredentials(secret));
      } catch (error) {
        missing.push(`${name}: ${errorMessage(error)}`);
      }
    }
    if (missing.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
      this.#parts.event(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    return found;
  }

  async #secretNames(pod: Pod, namespace: string): Promise<string[]> {
    const own = pod.spec.imagePullSecrets ?? [];
    const named = own.length > 0 ? own : await this.#ofServiceAccount(pod, namespace);
    return named.flatMap(({ name = '' }) => (name === '' ? [] : [name]));
  }

  async #ofServiceAccount(pod: Pod, namespace: string): Promise<readonly { readonly name?: string }[]> {
    try {
      const account = await this.#parts.sources.serviceAccount(namespace, serviceAccountOf(pod));
      return account?.imagePullSecrets ?? [];
    } catch {
      // Most pulls need none: that the account is not to be had must not end them.
      return [];
    }
  }
}
