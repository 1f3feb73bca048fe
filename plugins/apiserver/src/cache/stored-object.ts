/**
 * One object at one revision. It holds the bytes that the store holds, too, and the parsed object once somebody asked for it; bytes with
 * the resourceVersion in them are copied when they are sent.
 */
import type { KubeObject } from '@timonel/sdk/kube';
import { decodeObject, resourceVersionBytes, resourceVersionText, wireMark } from '../kinds/object-codec.ts';

const closingBrace = 0x7d;

export class StoredObject {
  readonly key: string;
  /** Revision of its last change: its resourceVersion. */
  readonly revision: number;
  readonly #value: Uint8Array;
  #object: KubeObject | undefined;
  /** Where the resourceVersion goes; 0: not looked for yet. */
  #mark = 0;

  constructor(key: string, revision: number, value: Uint8Array, object?: KubeObject) {
    this.key = key;
    this.revision = revision;
    this.#value = value;
    this.#object = object;
  }

  /** As stored; parsed it takes several times as much. */
  get sizeBytes(): number {
    return this.#value.byteLength;
  }

  /** Frozen. */
  get object(): KubeObject {
    this.#object ??= decodeObject(this.#value, this.revision);
    return this.#object;
  }

  /** JSON with the resourceVersion. Made anew each time. */
  get wire(): Buffer {
    const wire = Buffer.allocUnsafe(this.wireBytes);
    this.writeWire(wire, 0);
    return wire;
  }

  /** Length of `wire`. */
  get wireBytes(): number {
    return this.#value.byteLength + resourceVersionBytes(this.revision, this.#isEmptyMetadata);
  }

  /** Writes `wire`. Returns where it ends. */
  writeWire(target: Buffer, start: number): number {
    const text = resourceVersionText(this.revision, this.#isEmptyMetadata);
    // The whole first, and then what is before the text: copies of parts would need views of them.
    const moved = start + text.length;
    target.set(this.#value, moved);
    target.copyWithin(start, moved, moved + this.#mark);
    target.write(text, start + this.#mark, 'latin1');
    return moved + this.#value.byteLength;
  }

  get #isEmptyMetadata(): boolean {
    if (this.#mark === 0) this.#mark = wireMark(this.#value);
    return this.#value[this.#mark] === closingBrace;
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
