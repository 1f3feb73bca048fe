/** The door to all objects: what HTTP and the in-process client share. */
import type { Env } from '@timonel/sdk';
import type { DeleteOptions, Patch } from '@timonel/sdk/contracts/api';
import type { Store } from '@timonel/sdk/contracts/store';
import type { KubeObject } from '@timonel/sdk/kube';
import type { StoreFeed } from '../cache/store-feed.ts';
import { copyJson, isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import { Admission, type Hooks } from './admission.ts';
import { badRequest } from './api-errors.ts';
import { checkPreconditions, deletionOutcome } from './deletion.ts';
import { guaranteedUpdate } from './guaranteed-update.ts';
import { Reader } from './reader.ts';
import type { ShapeCheck, Target, Written } from './request.ts';
import { applyScale, scaleOf } from './scale.ts';
import { Writer } from './writer.ts';

export interface RegistryParts {
  readonly store: Store;
  readonly feed: StoreFeed;
  readonly env: Env;
  readonly hooks: Hooks;
  readonly limits: { readonly watchQueue: number; readonly watchQueueBytes: number; readonly watches: number };
}

export class Registry {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly admission: Admission;
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.admission = new Admission(parts.hooks);
    this.reader = new Reader(parts, parts.limits);
    this.writer = new Writer({ ...parts, admission: this.admission });
  }

  /** Replaces the object or, as subresource `status`, its status only. */
  async update(target: Target, subresource: '' | 'status', object: KubeObject): Promise<Written> {
    // Every attempt begins with the request as it came in.
    return this.writer.update(target, subresource, () => copyJson(object) as unknown as JsonObject);
  }

  async patch(target: Target, subresource: '' | 'status', patch: Patch, check: ShapeCheck): Promise<Written> {
    return this.writer.update(target, subresource, (current) => {
      const patched = applyPatch(current as unknown as JsonObject, patch, target);
      check(patched, target.kind);
      return patched;
    });
  }

  async delete(target: Target, options: DeleteOptions): Promise<Written> {
    return guaranteedUpdate(this.#parts, target, async (current) => {
      checkPreconditions(target.kind, current.object, options);
      const { kind, namespace, name, user, dryRun } = target;
      await this.admission.validate(current.object, {
        kind,
        namespace,
        name,
        user,
        dryRun,
        operation: 'DELETE',
        subresource: '',
        oldObject: current.object,
      });
      return deletionOutcome(kind, current.object, options, this.#parts.env);
    });
  }

  async getScale(target: Target): Promise<KubeObject> {
    const stored = await this.reader.get(target.kind, target.namespace, target.name);
    return scaleOf(target.kind, stored.object);
  }

  /** `change` gets the current Scale and returns the wanted one. */
  async updateScale(target: Target, change: (scale: JsonObject) => unknown): Promise<KubeObject> {
    const written = await this.writer.update(target, '', (current) => {
      const scale = change(scaleOf(target.kind, current) as unknown as JsonObject);
      if (!isJsonObject(scale)) throw badRequest('a Scale object is expected');
      return applyScale(target.kind, current, scale);
    });
    return scaleOf(target.kind, written.object);
  }
}

/** Changes `current` in place. @throws ApiError BadRequest, Invalid */
export function applyPatch(current: JsonObject, patch: Patch, target: Pick<Target, 'kind'>): JsonObject {
  if (patch.type === 'json') return jsonPatch(current, patch.body);
  if (!isJsonObject(patch.body)) throw badRequest('the patch must be a JSON object');
  const patched =
    patch.type === 'merge' ? mergePatch(current, patch.body) : strategicMerge(current, patch.body, target.kind.schema);
  if (!isJsonObject(patched)) throw badRequest('the patched object must be a JSON object');
  return patched;
}
