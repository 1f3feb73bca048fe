/** The door to all objects: what HTTP and the in-process client share. */
import type { Env, Many } from '@timonel/sdk';
import type { ObjectAdmission } from '@timonel/sdk/contracts/admission';
import type { DeleteOptions, ObjectName, Patch } from '@timonel/sdk/contracts/api';
import type { Store } from '@timonel/sdk/contracts/store';
import { isNotFound, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import type { StoreFeed } from '../cache/store-feed.ts';
import { copyJson, isJsonObject, type JsonObject } from '../json/plain-json.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import type { Access } from './access.ts';
import { Admission, type Hooks } from './admission.ts';
import { Applier, type ApplyRequest, type ApplyResult } from './applier.ts';
import { badRequest, unknownResource } from './api-errors.ts';
import { checkPreconditions, deletionOutcome } from './deletion.ts';
import { FurtherAdmission } from './further-admission.ts';
import { Expiry } from './expiry.ts';
import { guaranteedUpdate, unstored, type UpdateParts } from './guaranteed-update.ts';
import { copyObject } from './ownership.ts';
import { Reader } from './reader.ts';
import { inStoredShape, type ShapeCheck, type Target, type Written } from './request.ts';
import { applyScale, scaleOf } from './scale.ts';
import { settleIdentity, Writer } from './writer.ts';

export interface RegistryParts {
  readonly store: Store;
  readonly feed: StoreFeed;
  readonly env: Env;
  readonly hooks: Hooks;
  readonly furtherAdmission: Many<ObjectAdmission>;
  readonly access: Access;
  readonly kinds: KindTable;
  /** How long events stay. */
  readonly eventTtlMs: number;
  readonly limits: { readonly watchQueue: number; readonly watchQueueBytes: number; readonly watches: number };
}

export class Registry {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly admission: Admission;
  readonly access: Access;
  readonly #applier: Applier;
  readonly #parts: RegistryParts & UpdateParts;

  constructor(given: RegistryParts) {
    const { store, env, eventTtlMs } = given;
    const parts = { ...given, expiry: new Expiry({ store, clock: env.clock, ttlMs: eventTtlMs }) };
    this.#parts = parts;
    this.admission = new Admission(parts.hooks, new FurtherAdmission(parts.furtherAdmission, parts));
    this.access = parts.access;
    this.reader = new Reader(parts, parts.limits);
    this.writer = new Writer({ ...parts, admission: this.admission });
    this.#applier = new Applier({ writer: this.writer, env: parts.env });
  }

  /** An object of any type; undefined: there is none, or nobody serves the type. `atHand`: as this server knows it. */
  async find<T extends KubeObject>(
    type: ResourceType<T>,
    { namespace, name }: ObjectName,
    freshness: 'fresh' | 'atHand' = 'fresh',
  ): Promise<T | undefined> {
    const kind = this.#parts.kinds.find(type.group, type.version, type.resource);
    if (kind === undefined) return undefined;
    try {
      return (await this.reader.get(kind, namespace, name, freshness === 'atHand' ? '0' : undefined)).object as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** All objects of any type; empty when nobody serves it. */
  async all<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined): Promise<readonly T[]> {
    const kind = this.#parts.kinds.find(type.group, type.version, type.resource);
    if (kind === undefined) return [];
    return (await this.reader.list(kind, { namespace })).items.map(({ object }) => object as T);
  }

  /** Read-modify-write of an object of any type by the code of a subresource. @throws ApiError NotFound */
  async change<T extends KubeObject>(
    target: Omit<Target, 'kind' | 'namespace' | 'name'>,
    type: ResourceType<T>,
    { namespace, name }: ObjectName,
    change: (object: T) => void,
  ): Promise<T> {
    const kind = this.#parts.kinds.find(type.group, type.version, type.resource);
    if (kind === undefined) throw unknownResource();
    const written = await this.writer.changeDirectly({ ...target, kind, namespace, name }, (object) =>
      change(object as T),
    );
    return written.object as T;
  }

  /** How many objects of the kind are known here. */
  objectsOf(kind: Kind): number {
    return this.#parts.feed.cache(kind.prefix).size;
  }

  /** Takes the object over. */
  async create(target: Omit<Target, 'name'>, object: KubeObject): Promise<Written> {
    const { kind, user, namespace, dryRun } = target;
    const { view } = kind;
    if (view === undefined && kind.definition.answer === undefined) return this.writer.create(target, object);
    settleIdentity(object as unknown as JsonObject, target, undefined);
    if (kind.definition.answer !== undefined) {
      const context = { user, namespace, dryRun, ...this.access.questions };
      return unstored(await kind.definition.answer(object, context));
    }
    const stored = view?.enter(object as unknown as JsonObject) as unknown as KubeObject;
    return shownBy(kind, await this.writer.create(inStoredShape(target), stored));
  }

  /** Replaces the object or a part of it: `status`, or what the kind names. */
  async update(target: Target, subresource: string, object: KubeObject): Promise<Written> {
    const { view } = target.kind;
    const written = await this.writer.update(inStoredShape(target), subresource, () => {
      // Every attempt begins with the request as it came in.
      const wanted = copyObject(withMetadata(object)) as unknown as JsonObject;
      if (view === undefined) return { object: wanted };
      settleIdentity(wanted, target, target.name);
      return { object: view.enter(wanted) };
    });
    return shownBy(target.kind, written);
  }

  async patch(target: Target, subresource: string, patch: Patch, check: ShapeCheck): Promise<Written> {
    const { view } = target.kind;
    if (view !== undefined) return this.#patchView(target, subresource, patch, check);
    return this.writer.update(target, subresource, (current) => {
      const patched = applyPatch(copyFor(patch, current) as unknown as JsonObject, patch, target);
      check(patched, target.kind);
      return { object: patched };
    });
  }

  async #patchView(target: Target, subresource: string, patch: Patch, check: ShapeCheck): Promise<Written> {
    const { view } = target.kind;
    const written = await this.writer.update(inStoredShape(target), subresource, (current) => {
      const copy = copyFor(patch, current);
      const shown = view?.shapeOf(copy) ?? copy;
      const patched = applyPatch(shown as unknown as JsonObject, patch, target);
      check(patched, target.kind);
      settleIdentity(patched, target, target.name);
      return { object: view?.enter(patched) ?? patched };
    });
    return shownBy(target.kind, written);
  }

  /** Server-side apply. Of a kind that is a view, fields are owned in the stored shape. */
  async apply(target: Target, request: ApplyRequest): Promise<ApplyResult> {
    const { view } = target.kind;
    if (view === undefined) return this.#applier.apply(target, request);
    const config = copyJson(request.config);
    settleIdentity(config, target, target.name);
    const { written, created } = await this.#applier.apply(inStoredShape(target), {
      ...request,
      config: view.enter(config),
    });
    return { written: shownBy(target.kind, written), created };
  }

  async delete(target: Target, options: DeleteOptions): Promise<Written> {
    return shownBy(target.kind, await this.#delete(inStoredShape(target), options));
  }

  async #delete(target: Target, options: DeleteOptions): Promise<Written> {
    return guaranteedUpdate(this.#parts, target, async (current) => {
      checkPreconditions(target.kind, current.object, options);
      const { manager: _manager, ...circumstances } = target;
      const { kind } = target;
      await this.admission.validate(current.object, {
        ...circumstances,
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
    const written = await this.writer.update(target, 'scale', (current) => {
      const scale = change(scaleOf(target.kind, current) as unknown as JsonObject);
      if (!isJsonObject(scale)) throw badRequest('a Scale object is expected');
      return { object: applyScale(target.kind, copyObject(current), scale) };
    });
    return scaleOf(target.kind, written.object);
  }
}

/** A body may leave metadata out. */
function withMetadata(object: Omit<KubeObject, 'metadata'> & Partial<KubeObject>): KubeObject {
  return { ...object, metadata: object.metadata ?? {} };
}

function shownBy(kind: Kind, written: Written): Written {
  return kind.view?.show(written) ?? written;
}

/** A copy for the patch to change. Objects share the list of managers unless the patch may reach into it. */
function copyFor(patch: Patch, object: KubeObject): KubeObject {
  const reaches = patch.type === 'json' && JSON.stringify(patch.body).includes('managedFields');
  return reaches ? copyJson(object) : copyObject(object);
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
