/**
 * The volumes of this node's pods: made ready before containers start, kept up to date while they run, and undone with the pod. What is done
 * for one pod is done one after the other.
 */
import { join } from 'node:path';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { VolumeError, type VolumePod, type VolumeUsage } from '@timonel/sdk/contracts/volume';
import type { Pod, Volume } from '@timonel/sdk/kube';
import { endsWithin } from '../agent/ends-within.ts';
import type { SourceKey } from '../checkpoint/references.ts';
import type { NodeFacts } from '../container/field-ref.ts';
import type { FollowedObjects, SeenVersion } from './followed-objects.ts';
import { HeldVolume } from './held-volume.ts';
import type { ReadyVolume, ServedVolumes, VolumeUse } from './served-volumes.ts';
import type { VolumeNodeParts } from './volume-node.ts';

export interface WantedVolume {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly facts: NodeFacts;
  /** Of an image volume. */
  readonly image?: RootFilesystem | undefined;
}

export interface PodVolumesParts {
  readonly served: ServedVolumes;
  readonly env: Env;
  readonly log: Logger;
  /** Tells `changed` of this. */
  readonly objects: FollowedObjects;
  readonly asked: Pick<VolumeNodeParts, 'sources' | 'token'>;
  /** As they are by now. Undefined: nobody works on the pod. */
  podOf(uid: string): Pick<WantedVolume, 'pod' | 'facts'> | undefined;
  /** Of the volumes of one pod. */
  directoryOf(uid: string): string;
  /** What kept containers of the pod from starting may be over. */
  retry(uid: string): void;
  /** A volume of a pod that runs could not be brought up to date. */
  failed(pod: Pod, message: string): void;
  forgotten(uid: string): void;
}

export interface PodVolumeUsage extends VolumeUsage {
  readonly name: string;
}

interface VolumesOfPod {
  readonly held: Map<string, HeldVolume>;
  turn: Promise<unknown>;
}

/** Whoever starts a container waits no longer: it goes on, and the next try finds it done. */
const waitLimitMs = 20_000;

export class PodVolumes {
  readonly #parts: PodVolumesParts;
  readonly #pods = new Map<string, VolumesOfPod>();

  constructor(parts: PodVolumesParts) {
    this.#parts = parts;
  }

  /** Before a container starts. One that follows and was ready once stays as it is when it cannot be brought up to date. @throws VolumeError */
  async prepare(wanted: WantedVolume): Promise<ReadyVolume> {
    const use = this.#useOf(wanted);
    const { uid = '' } = use.pod.metadata;
    const held = this.#heldOf(uid, use.volume.name);
    const done = this.#inTurn(uid, () => this.#prepareOrKeep(held, use));
    if (await endsWithin(this.#parts.env, waitLimitMs, Promise.allSettled([done]))) return done;
    throw new VolumeError(
      `MountVolume.SetUp of volume "${use.volume.name}" takes more than ${waitLimitMs / 1000} s: it goes on`,
    );
  }

  /** Brings up to date what containers that run mount, and takes over what another agent left. */
  follow(pod: Pod, mounted: ReadonlySet<string>): void {
    const { uid = '' } = pod.metadata;
    for (const volume of pod.spec.volumes ?? []) {
      if (!mounted.has(volume.name)) continue;
      const held = this.#pods.get(uid)?.held.get(volume.name);
      // The files of an image stay, and whoever takes over has not pulled it.
      const isUnknown = held === undefined && volume['image'] === undefined;
      if (isUnknown || held?.showsAnother(pod) === true) this.#refresh(uid, volume.name);
    }
  }

  changed(key: SourceKey, version: SeenVersion): void {
    for (const [uid, { held }] of this.#pods) {
      for (const [name, volume] of held) {
        if (!volume.isOutdatedBy(key, version)) continue;
        if (volume.served === undefined) this.#parts.retry(uid);
        else this.#refresh(uid, name);
      }
    }
  }

  /** What all volumes are made of: whoever remembers objects for the time without masters needs these. */
  asked(): ReadonlySet<SourceKey> {
    const volumes = [...this.#pods.values()].flatMap(({ held }) => [...held.values()]);
    return new Set(volumes.flatMap((volume) => [...volume.asked]));
  }

  /** What the volumes take that are ready. */
  async usage(uid: string): Promise<readonly PodVolumeUsage[]> {
    const found: PodVolumeUsage[] = [];
    for (const [name, { served }] of this.#pods.get(uid)?.held ?? []) {
      try {
        const usage = await served?.usage();
        if (usage !== undefined) found.push({ ...usage, name });
      } catch (error) {
        this.#parts.log.debug({ podUid: uid, volume: name, error: errorMessage(error) }, 'volume not measured');
      }
    }
    return found;
  }

  /** The pod's containers are gone. @throws what those who serve the volumes throw */
  async remove(pod: VolumePod): Promise<void> {
    const { uid } = pod;
    for (const held of this.#pods.get(uid)?.held.values() ?? []) held.close();
    await this.#inTurn(uid, () => this.#parts.served.remove(pod, this.#parts.directoryOf(uid)));
    this.#pods.delete(uid);
    this.#parts.forgotten(uid);
  }

  async close(): Promise<void> {
    for (const { held } of this.#pods.values()) for (const volume of held.values()) volume.close();
    await Promise.all([...this.#pods.values()].map(({ turn }) => turn.catch(() => undefined)));
    this.#pods.clear();
    await this.#parts.objects.close();
  }

  async #prepareOrKeep(held: HeldVolume, use: VolumeUse): Promise<ReadyVolume> {
    try {
      return await held.prepare(use);
    } catch (error) {
      const { prepared } = held.served ?? {};
      if (prepared?.follows !== true) throw error;
      this.#tell(held, use.pod, error);
      return prepared;
    }
  }

  #tell(held: HeldVolume, pod: Pod, error: unknown): void {
    if (held.isNewFailure(error)) this.#parts.failed(pod, errorMessage(error));
  }

  #refresh(uid: string, name: string): void {
    const held = this.#heldOf(uid, name);
    void this.#inTurn(uid, async () => {
      const found = this.#parts.podOf(uid);
      const volume = found?.pod.spec.volumes?.find((entry) => entry.name === name);
      if (found === undefined || volume === undefined || held.isClosed) return;
      const use = this.#useOf({ ...found, volume });
      await held.prepare(use).catch((error: unknown) => this.#tell(held, found.pod, error));
    }).catch(() => undefined);
  }

  #useOf(wanted: WantedVolume): VolumeUse {
    const { pod, volume } = wanted;
    const directory = join(this.#parts.directoryOf(pod.metadata.uid ?? ''), volume.name);
    return { ...wanted, ...this.#parts.asked, directory };
  }

  #heldOf(uid: string, name: string): HeldVolume {
    const { held } = this.#podOf(uid);
    const known = held.get(name);
    if (known !== undefined) return known;
    const { served, objects, env } = this.#parts;
    const made = new HeldVolume({ served, objects, timers: env.timers, due: () => this.#refresh(uid, name) });
    held.set(name, made);
    return made;
  }

  #podOf(uid: string): VolumesOfPod {
    const known = this.#pods.get(uid);
    if (known !== undefined) return known;
    const made = { held: new Map<string, HeldVolume>(), turn: Promise.resolve() };
    this.#pods.set(uid, made);
    return made;
  }

  #inTurn<T>(uid: string, step: () => Promise<T>): Promise<T> {
    const pod = this.#podOf(uid);
    const done = pod.turn.catch(() => undefined).then(step);
    pod.turn = done;
    return done;
  }
}
