/** A pod as its worker knows it, and the object of the API that is told of it: the same, or the mirror of a static pod. */
import { compareResourceVersions } from '@timonel/sdk/controller';
import type { Pod, PodStatus } from '@timonel/sdk/kube';
import { isStaticPod } from '../static-pods/identity.ts';

export class KnownPod {
  #pod: Pod;
  #mirror: Pod | undefined;

  constructor(pod: Pod) {
    this.#pod = pod;
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** What its status is written to. Undefined: nothing stands for it now. */
  get shown(): Pod | undefined {
    return isStaticPod(this.#pod) ? this.#mirror : this.#pod;
  }

  /** False: this is not newer than what is known. */
  learn(pod: Pod): boolean {
    if (isOlder(pod, this.#pod)) return false;
    this.#pod = pod;
    return true;
  }

  /** As `learn`, of the object that is told. */
  learnShown(fresh: Pod): boolean {
    return isStaticPod(this.#pod) ? this.setMirror(fresh) : this.learn(fresh);
  }

  /** False: nothing new. */
  setMirror(mirror: Pod | undefined): boolean {
    if (mirror !== undefined && isOlder(mirror, this.#mirror)) return false;
    this.#mirror = mirror;
    // A new mirror knows nothing yet of what its pod came to.
    if (mirror?.status?.startTime !== undefined) this.#pod = { ...this.#pod, status: unended(mirror.status) };
    return mirror !== undefined;
  }
}

/** Another object of the same name is no older one. */
function isOlder({ metadata }: Pod, known: Pod | undefined): boolean {
  const [given, before] = [metadata.resourceVersion, known?.metadata.resourceVersion];
  if (metadata.uid !== known?.metadata.uid || given === undefined || before === undefined) return false;
  return compareResourceVersions(given, before) < 0;
}

/** What a static pod came to is told by its containers alone: after the end of its node it runs again. */
function unended({ phase, reason: _reason, message: _message, ...status }: PodStatus): PodStatus {
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  return { ...status, conditions, ...(phase === undefined || isOver ? {} : { phase }) };
}
