/** Who serves a volume of a pod: a kind by its key, or the driver of the volume of its claim. */
import type { Many } from '@timonel/sdk';
import {
  VolumeError,
  type PreparedVolume,
  type VolumeKind,
  type VolumePod,
  type VolumeRequest,
  type VolumeUsage,
} from '@timonel/sdk/contracts/volume';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import type { Pod, Volume } from '@timonel/sdk/kube';
import type { ClaimVolumes } from './claim-volumes.ts';
import { volumeNode, type Reads, type VolumeNodeParts } from './volume-node.ts';

export interface VolumeUse extends VolumeNodeParts {
  readonly volume: Volume;
  readonly directory: string;
  /** Of an image volume. */
  readonly image?: RootFilesystem | undefined;
}

export interface ReadyVolume extends PreparedVolume {
  /** It is a device. Absent: files. */
  readonly isDevice?: boolean;
}

/** A volume that is ready. */
export interface Served {
  readonly prepared: ReadyVolume;
  /** Undefined: it is not counted. */
  readonly usage: () => Promise<VolumeUsage | undefined>;
}

export function referenceOf({ metadata: { namespace = '', name = '', uid = '' } }: Pod): VolumePod {
  return { namespace, name, uid };
}

export class ServedVolumes {
  readonly #kinds: Many<VolumeKind>;
  readonly #claims: ClaimVolumes;

  constructor(kinds: Many<VolumeKind>, claims: ClaimVolumes) {
    this.#kinds = kinds;
    this.#claims = claims;
  }

  /** Notes in `reads` what the volume is made of, also when it fails. @throws what those who serve it throw */
  async prepare(use: VolumeUse, reads: Reads): Promise<Served> {
    const claimed = await this.#claims.mount(use, reads);
    if (claimed !== undefined) return claimed;
    const { kind, request } = this.#kindOf(use, reads);
    return { prepared: await kind.prepare(request), usage: () => kind.usage(request) };
  }

  /** Undoes what was mounted for the pod. `directory`: of all its volumes. @throws what those who serve them throw */
  async remove(pod: VolumePod, directory: string): Promise<void> {
    for (const { service } of this.#kinds.all()) await service.remove(pod, directory);
    await this.#claims.unmountAll(pod);
  }

  #kindOf(use: VolumeUse, reads: Reads): { readonly kind: VolumeKind; readonly request: VolumeRequest } {
    const { volume, pod, directory, image } = use;
    const keys = Object.keys(volume).filter((key) => key !== 'name' && volume[key] !== undefined);
    const served = this.#kinds.all().map(({ service }) => ({ kind: service, known: service.keys() }));
    for (const key of keys) {
      const serves = (each: VolumeKind): boolean => each.serves?.(volume) ?? true;
      const kind = served.find((each) => each.known.includes(key) && serves(each.kind))?.kind;
      if (kind === undefined) continue;
      const request = { pod, volume, key, directory, node: volumeNode(use, reads) };
      return { kind, request: image === undefined ? request : { ...request, image } };
    }
    const all = new Set([...served.flatMap(({ known }) => known), 'persistentVolumeClaim', 'ephemeral']);
    const [key = ''] = keys;
    const { driver } = (volume[key] ?? {}) as { readonly driver?: string };
    const what = driver === undefined ? `kind ${keys.join(', ')}` : `driver ${driver} of kind ${key}`;
    throw new VolumeError(`${what} is not supported by this node, which knows ${[...all].join(', ')}`);
  }
}
