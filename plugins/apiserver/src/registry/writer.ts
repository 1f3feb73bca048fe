/** Create and update of any kind, in the one order that all writes go through. */
import type { Env } from '@timonel/sdk';
import type { PartSubresource } from '@timonel/sdk/contracts/api-server';
import type { ApiError, KubeObject } from '@timonel/sdk/kube';
import { copyJson, equalJson, isJsonObject, type JsonObject } from '../json/plain-json.ts';
import type { ManagedEntry } from '../managed-fields/entries.ts';
import type { Kind } from '../kinds/kind-table.ts';
import type { StoredObject } from '../cache/stored-object.ts';
import { writeAdmitted, type Admission, type Admitted, type Circumstances } from './admission.ts';
import { alreadyExists, badRequest, conflict, invalid } from './api-errors.ts';
import { isDue } from './deletion.ts';
import { findingsOf, statusFindingsOf } from './findings.ts';
import { guaranteedUpdate, putNew, unstored, type Outcome, type UpdateParts } from './guaranteed-update.ts';
import { objectKeyOf } from './keys.ts';
import {
  changedMetadataProblems,
  generatedName,
  metadataOf,
  metadataProblems,
  prepareChangedMetadata,
  prepareNewMetadata,
  takeMetadata,
} from './metadata.ts';
import { copyObject, entriesOfChanged, entriesOfNew, isUnchanged, setEntries } from './ownership.ts';
import type { Target, Written } from './request.ts';

const generateAttempts = 8;

export interface WriterParts extends UpdateParts {
  readonly env: Env;
  readonly admission: Admission;
}

/** What a writer wants an object to be. */
export interface Wanted {
  readonly object: JsonObject;
  /** Who owns what, where that is settled; otherwise the writer takes what it changes. */
  readonly entries?: readonly ManagedEntry[];
}

interface Attempt {
  readonly target: Target;
  readonly subresource: string;
  readonly object: KubeObject;
  readonly old: KubeObject;
  readonly entries: readonly ManagedEntry[] | undefined;
}

/** Whether anything but metadata and a status of its own differs. */
function specChanged({ definition }: Kind, object: KubeObject, old: KubeObject): boolean {
  const strip = ({ metadata: _metadata, ...rest }: JsonObject): JsonObject => {
    if (definition.status || definition.untyped === undefined) delete rest['status'];
    return rest;
  };
  return !equalJson(strip(object as unknown as JsonObject), strip(old as unknown as JsonObject));
}

/** Checks that body and URL speak of the same object, and fills in what the body left out. @throws ApiError BadRequest */
export function settleIdentity(
  object: JsonObject,
  target: Pick<Target, 'kind' | 'namespace'>,
  name: string | undefined,
): void {
  const { kind } = target;
  const given = { kind: object['kind'] ?? '', apiVersion: object['apiVersion'] ?? '' };
  if (given.kind === '') object['kind'] = kind.definition.kind;
  else if (given.kind !== kind.definition.kind) {
    throw badRequest(
      `the kind in the data (${JSON.stringify(given.kind)}) does not match the expected kind (${kind.definition.kind})`,
    );
  }
  if (given.apiVersion === '') object['apiVersion'] = kind.apiVersion;
  else if (given.apiVersion !== kind.apiVersion) {
    throw badRequest(
      `the API version in the data (${JSON.stringify(given.apiVersion)}) does not match the expected API version (${kind.apiVersion})`,
    );
  }
  const metadata = metadataOf(object);
  if (metadata === undefined) throw badRequest('metadata: expected an object');
  if (!kind.definition.namespaced) {
    if (metadata.namespace) throw badRequest('namespace may not be set on a cluster-scoped object');
    delete metadata.namespace;
  } else if (target.namespace === undefined) {
    throw badRequest('namespace is required for a namespaced resource');
  } else if (metadata.namespace && metadata.namespace !== target.namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request (${metadata.namespace} and ${target.namespace})`,
    );
  } else metadata.namespace = target.namespace;
  if (name === undefined) return;
  if (metadata.name && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  metadata.name = name;
}

export class Writer {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Takes the object over. @throws ApiError AlreadyExists, Invalid, and what admission throws. */
  async create(target: Omit<Target, 'name'>, object: KubeObject): Promise<Written> {
    this.#parts.feed.checkLoaded();
    settleIdentity(object as unknown as JsonObject, target, undefined);
    const { metadata } = object;
    const base = metadata.name ? undefined : metadata.generateName;
    if (!base) {
      const named = { ...target, name: metadata.name ?? '' };
      const written = await this.#createNamed(named, object);
      if (written === undefined) throw alreadyExists(target.kind, named.name);
      return written;
    }
    for (let attempt = 1; ; attempt += 1) {
      const name = generatedName(base, this.#parts.env);
      const copy = copyJson(object);
      copy.metadata.name = name;
      const written = await this.#createNamed({ ...target, name }, copy);
      if (written !== undefined) return written;
      if (attempt === generateAttempts) throw alreadyExists(target.kind, name);
    }
  }

  /** Takes the object over. Undefined: there is one of the name. */
  async createIfAbsent(
    target: Target,
    object: JsonObject,
    entries: readonly ManagedEntry[],
  ): Promise<Written | undefined> {
    settleIdentity(object, target, target.name);
    return this.#createNamed(target, object as unknown as KubeObject, entries);
  }

  /** Undefined: there is one of the name. */
  async #createNamed(
    target: Target,
    object: KubeObject,
    settled?: readonly ManagedEntry[],
  ): Promise<Written | undefined> {
    const { kind } = target;
    const { strategy } = kind.definition;
    const circumstances = this.#circumstances(target, 'CREATE', undefined, '');
    prepareNewMetadata(object, kind, this.#parts.env);
    strategy.default?.(object);
    const entries = settled ?? entriesOfNew(target, object);
    const admitted = await this.#parts.admission.mutate(object, circumstances);
    setEntries(admitted, entries);
    strategy.prepareForCreate?.(admitted, { user: target.user });
    const problems = [...metadataProblems(kind, admitted), ...(await findingsOf(strategy, admitted))];
    if (problems.length > 0) throw invalid(kind, target.name, problems);
    const admission = await this.#parts.admission.admit(admitted, circumstances);
    const key = objectKeyOf(kind.definition, target.namespace, target.name);
    if (target.dryRun) {
      return (await this.#parts.store.get(key)).kv === undefined ? unstored(admitted) : undefined;
    }
    return writeAdmitted(admission, () => putNew(this.#parts, kind, key, admitted));
  }

  /**
   * Read-modify-write of the object (also by its scale) or, as a subresource, of its status or another part of it. `change` gets
   * the current object, frozen, and returns a private one that is wanted. A resourceVersion in it must be the current one.
   * `absent`: what to throw when there is no such object.
   */
  async update(
    target: Target,
    subresource: string,
    change: (current: KubeObject) => Wanted,
    absent?: ApiError,
  ): Promise<Written> {
    const attempt = async (current: StoredObject): Promise<Outcome> => {
      const wanted = change(current.object);
      settleIdentity(wanted.object, target, target.name);
      const object = wanted.object as unknown as KubeObject;
      this.#checkVersion(target, object, current);
      const parts = { target, subresource, object, old: current.object, entries: wanted.entries };
      return subresource === '' || subresource === 'scale' ? this.#attempt(parts) : this.#partAttempt(parts);
    };
    return guaranteedUpdate(this.#parts, target, attempt, absent);
  }

  /** A change by the code of a subresource: only metadata is guarded. `subresource`: whose writers own what they change. */
  async changeDirectly(target: Target, change: (object: KubeObject) => void, subresource?: string): Promise<Written> {
    return guaranteedUpdate(this.#parts, target, (current) => {
      const object = copyObject(current.object);
      change(object);
      prepareChangedMetadata(object, current.object);
      if (subresource !== undefined) setEntries(object, this.#changed(target, subresource, current.object, object));
      if (target.kind.definition.generation && specChanged(target.kind, object, current.object)) {
        object.metadata.generation = (current.object.metadata.generation ?? 0) + 1;
      }
      return Promise.resolve(this.#outcome(target.kind, object, current.object));
    });
  }

  #checkVersion(target: Target, object: KubeObject, current: StoredObject): void {
    const { resourceVersion, uid } = object.metadata;
    const actual = current.object.metadata;
    // As in Kubernetes, 0 is as good as none.
    if (resourceVersion && resourceVersion !== '0' && resourceVersion !== actual.resourceVersion)
      throw conflict(target.kind, target.name);
    if (uid && uid !== actual.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actual.uid}`;
      throw conflict(target.kind, target.name, why);
    }
  }

  #changed(
    target: Target,
    subresource: string,
    before: KubeObject,
    after: KubeObject,
    sent?: unknown,
  ): readonly ManagedEntry[] {
    const time = this.#parts.env.clock.timestamp();
    return entriesOfChanged({ target, subresource, before, after, sent, time });
  }

  async #attempt({ target, subresource, object, old, entries: settled }: Attempt): Promise<Outcome> {
    const { kind } = target;
    const { strategy, status, generation } = kind.definition;
    const circumstances: Circumstances = {
      ...this.#circumstances(target, 'UPDATE', old, ''),
      ...(subresource === 'scale' && { byScale: true }),
    };
    const sent = object.metadata.managedFields;
    prepareChangedMetadata(object, old);
    if (status) keepMember(object, old, 'status');
    strategy.default?.(object);
    const entries = settled ?? this.#changed(target, subresource, old, object, sent);
    const admitted = await this.#parts.admission.mutate(object, circumstances);
    if (status) keepMember(admitted, old, 'status');
    setEntries(admitted, entries);
    strategy.prepareForUpdate?.(admitted, old);
    if (generation && specChanged(kind, admitted, old))
      admitted.metadata.generation = (old.metadata.generation ?? 0) + 1;
    const problems = [
      ...metadataProblems(kind, admitted),
      ...changedMetadataProblems(admitted, old),
      ...(await findingsOf(strategy, admitted, old)),
    ];
    if (problems.length > 0) throw invalid(kind, target.name, problems);
    return this.#outcome(kind, admitted, old, await this.#parts.admission.admit(admitted, circumstances));
  }

  async #partAttempt({ target, subresource, object, old, entries: settled }: Attempt): Promise<Outcome> {
    const { kind } = target;
    const { strategy, statusMetadata } = kind.definition;
    const circumstances = this.#circumstances(target, 'UPDATE', old, subresource);
    const part = partOf(kind, subresource);
    const taken = (from: KubeObject): KubeObject => {
      const object = copyObject(old);
      part.take(object, from, { user: target.user });
      if (statusMetadata !== undefined) takeMetadata(object, from, statusMetadata);
      strategy.default?.(object);
      if (kind.definition.generation && specChanged(kind, object, old)) {
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
      }
      return object;
    };
    const wanted = taken(object);
    const entries = settled ?? this.#changed(target, subresource, old, wanted);
    const mutated = await this.#parts.admission.mutate(wanted, circumstances);
    // Nor may admission change more of it than the part.
    const admitted = mutated === wanted ? wanted : taken(mutated);
    setEntries(admitted, entries);
    const problems = [
      ...(statusMetadata === undefined
        ? []
        : [...metadataProblems(kind, admitted), ...changedMetadataProblems(admitted, old)]),
      ...((await part.validate?.(admitted, old)) ?? []),
    ];
    if (problems.length > 0) throw invalid(kind, target.name, problems);
    return this.#outcome(kind, admitted, old, await this.#parts.admission.admit(admitted, circumstances));
  }

  #outcome(kind: Kind, object: KubeObject, old: KubeObject, admitted?: Admitted): Outcome {
    if (isDue(kind, object)) return { kind: 'delete', object };
    return isUnchanged(object, old) ? { kind: 'unchanged' } : { kind: 'put', object, ...(admitted && { admitted }) };
  }

  #circumstances(
    target: Target,
    operation: Circumstances['operation'],
    oldObject: KubeObject | undefined,
    subresource: string,
  ): Circumstances {
    const { manager: _manager, ...circumstances } = target;
    return { ...circumstances, operation, oldObject, subresource };
  }
}

/** How a subresource writes its part of the object. */
function partOf({ definition }: Kind, subresource: string): PartSubresource {
  const own = definition.parts !== undefined && Object.hasOwn(definition.parts, subresource);
  const part = own ? definition.parts[subresource] : undefined;
  if (part !== undefined) return part;
  const { strategy } = definition;
  return {
    take(object, wanted) {
      const old = copyObject(object);
      keepMember(object, wanted, 'status');
      strategy.prepareStatusUpdate?.(object, old);
    },
    validate: (object, old) => statusFindingsOf(strategy, object, old),
  };
}

/** Makes a member of `object` what it is in `source`. */
function keepMember(object: KubeObject, source: KubeObject, member: string): void {
  const to = object as unknown as JsonObject;
  const value = (source as unknown as JsonObject)[member];
  if (value === undefined) delete to[member];
  else to[member] = isJsonObject(value) ? copyJson(value) : value;
}
