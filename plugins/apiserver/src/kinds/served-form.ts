/** Shows objects that lie in the store in the form of another version or schema. Each revision is converted at most once. */
import type { UntypedForm } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import type { CacheEvent } from '../cache/cache-event.ts';
import { StoredObject } from '../cache/stored-object.ts';
import { deepFreeze } from '../json/plain-json.ts';
import type { Written } from '../registry/request.ts';
import { encodeObject } from './object-codec.ts';

export class ServedForm {
  readonly #form: UntypedForm;
  readonly #made = new WeakMap<StoredObject, StoredObject>();
  readonly #events = new WeakMap<CacheEvent, CacheEvent>();

  constructor(form: UntypedForm) {
    this.#form = form;
  }

  /** @throws ApiError when they cannot be converted */
  async presentAll(all: readonly StoredObject[]): Promise<StoredObject[]> {
    const missing = all.filter((stored) => !this.#made.has(stored));
    if (missing.length > 0) {
      const shown = await this.#form.present(missing.map(({ object }) => object));
      missing.forEach((stored, index) => this.#made.set(stored, servedAs(stored, shown[index] ?? stored.object)));
    }
    return all.map((stored) => this.#made.get(stored) ?? stored);
  }

  async present(stored: StoredObject): Promise<StoredObject> {
    return this.#made.get(stored) ?? (await this.presentAll([stored]))[0] ?? stored;
  }

  /** Watches that see the same event share what is made of it. */
  async presentEvent(event: CacheEvent): Promise<CacheEvent> {
    let shown = this.#events.get(event);
    if (shown !== undefined) return shown;
    const { stored, previous } = event;
    const [now = stored, before] = await this.presentAll(previous === undefined ? [stored] : [stored, previous]);
    shown = now === stored && before === previous ? event : { ...event, stored: now, previous: before };
    this.#events.set(event, shown);
    return shown;
  }

  /** The bytes to be stored for an object. */
  async encode(object: KubeObject): Promise<Buffer> {
    return encodeObject(await this.#form.store(object));
  }

  /** Whether an object lies in the store as it would be stored now. */
  isCurrent(stored: StoredObject): boolean {
    return stored.object.apiVersion === this.#form.storedVersion;
  }

  /** What was written, as the writer gets to see it. `object` is frozen. */
  show(stored: StoredObject, object: KubeObject): Written {
    const shown = new StoredObject(stored.key, stored.revision, encodeObject(object), object);
    this.#made.set(stored, shown);
    return shown;
  }
}

function servedAs(stored: StoredObject, object: KubeObject): StoredObject {
  if (object === stored.object) return stored;
  return new StoredObject(stored.key, stored.revision, encodeObject(object), deepFreeze(object));
}
