/** What kinds of volumes are asked, and what they answer. */
import type { Pod, Volume } from '../../kube/index.ts';
import type { RootFilesystem } from '../runtime/index.ts';
import type { VolumeNode } from './node.ts';

export interface VolumeRequest {
  readonly pod: Pod;
  /** The entry of `spec.volumes`. */
  readonly volume: Volume;
  /** The one of `keys()` that the entry has; `volume[key]` is what the pod says of it, as the API checked it. */
  readonly key: string;
  /**
   * The volume's own on this node: absolute, the same each time, kept over restarts of everything. Its parent exists, it does not until the
   * kind makes it. The agent removes it with the pod, after `remove`.
   */
  readonly directory: string;
  readonly node: VolumeNode;
  /** Of the entry `image` only: its files, pulled as the pod may. */
  readonly image?: RootFilesystem;
}

export interface PreparedVolume {
  /** What containers get: absolute, a directory or a file. Stays valid until `remove`. */
  readonly hostPath: string;
  /** Containers can only read it, whatever their mounts say, and no `subPath` is made in it. */
  readonly readOnly?: boolean;
  /** It is to be prepared again when the pod or something that it read through `node` changes, while its containers run. */
  readonly follows?: boolean;
  /** Also after so many ms from now, as for a token that ends. */
  readonly refreshAfterMs?: number;
}
