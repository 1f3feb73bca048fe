/** One object at one revision. The parsed object and the wire bytes are made at most once, when first asked for. */
import type { KubeObject } from '@timonel/sdk/kube';
import { decodeObject, wireBytes } from '../kinds/object-codec.ts';

export class StoredObject {
  readonly key: string;
  /** Revision of its last change: its resourceVersion. */
  readonly revision: number;
  readonly #value: Uint8Array;
  #object: KubeObject | undefined;
  #wire: Buffer | undefined;

  constructor(key: string, revision: number, value: Uint8Array, object?: KubeObject) {
    this.key = key;
    this.revision = revision;
    this.#value = value;
    this.#object = object;
  }

  /** As stored; parsed and as wire bytes it takes several times as much. */
  get sizeBytes(): number {
    return this.#value.byteLength;
  }

  /** Frozen. */
  get object(): KubeObject {
    this.#object ??= decodeObject(this.#value, this.revision);
    return this.#object;
  }

  /** JSON with the resourceVersion. */
  get wire(): Buffer {
    this.#wire ??= wireBytes(this.#value, this.revision);
    return this.#wire;
  }

  /** The same content at another revision: how a deletion shows the last state. */
  at(revision: number): StoredObject {
    return new StoredObject(this.key, revision, this.#value);
  }

  /** Takes over the parsed object of the same revision from whoever has it already. */
  adopt(object: KubeObject): void {
    this.#object ??= object;
  }
}
