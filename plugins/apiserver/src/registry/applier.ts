/** Server-side apply on stored objects: creates what is not there, merges into what is. */
import type { Env } from '@timonel/sdk';
import type { KubeObject } from '@timonel/sdk/kube';
import { copyJson, hasNull, isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import { checkBySchema } from '../kinds/schema-check.ts';
import { serves } from '../kinds/served-verbs.ts';
import { storedEntries, type FieldWriter, type ManagedEntry } from '../managed-fields/entries.ts';
import { apply, type Applied, type ApplyInput } from '../patch/apply/apply.ts';
import { allFields, conflictError, conflictsOutside } from '../patch/apply/conflicts.ts';
import { fieldsOfLastApplied, keepLastApplied, kubectlManager } from '../patch/apply/last-applied.ts';
import { difference, isEmpty } from '../managed-fields/field-set.ts';
import { conflict, notFound } from './api-errors.ts';
import { partOf } from './ownership.ts';
import type { Target, Written } from './request.ts';
import type { Writer } from './writer.ts';

export interface ApplyRequest {
  /** `scale`: the object itself, by its subresource of that name. */
  readonly subresource: string;
  /** Checked by `checkConfig`. */
  readonly config: JsonObject;
  /** Take fields from others rather than refuse. */
  readonly force: boolean;
  /** Asked before the object is created. @throws ApiError Forbidden */
  readonly mayCreate?: () => Promise<void>;
}

export interface ApplyResult {
  readonly written: Written;
  readonly created: boolean;
}

const attemptsLimit = 5;

/** The config without what the door does not lead to. */
function configFor(target: Target, subresource: string, config: JsonObject): JsonObject {
  const { status, ...main } = config;
  const part = partOf(target, subresource);
  if (part === 'main') return main;
  if (part === 'whole') return config;
  const metadata = own(config, 'metadata');
  const { name, namespace, uid, resourceVersion } = isJsonObject(metadata) ? metadata : {};
  const identity = { name, namespace, uid, resourceVersion };
  const given = Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined));
  const { apiVersion, kind } = config;
  return { apiVersion, kind, metadata: given, ...(status === undefined ? {} : { status }) };
}

/** A private copy without the nulls of the config. */
function storable({ kind }: Target, config: JsonObject, object: JsonObject): JsonObject {
  const copy = copyJson(object);
  if (hasNull(config)) checkBySchema(copy, kind.schema);
  return copy;
}

/** Whether kubectl only conflicts with what it applied itself, before it changed over. */
function mayTake(input: ApplyInput, { conflicts }: Applied): boolean {
  if (input.writer.manager !== kubectlManager || input.live === undefined) return false;
  const allowed = fieldsOfLastApplied(input.live, input.node, input.part);
  if (isEmpty(difference(allFields(conflicts), allowed))) return true;
  throw conflictError(conflictsOutside(conflicts, allowed));
}

export class Applier {
  readonly #writer: Writer;
  readonly #env: Env;

  constructor(parts: { readonly writer: Writer; readonly env: Env }) {
    this.#writer = parts.writer;
    this.#env = parts.env;
  }

  /** @throws ApiError Conflict with a cause for each field that others own and that would change, and what writes throw. */
  async apply(target: Target, request: ApplyRequest): Promise<ApplyResult> {
    const { kind, name } = target;
    const config = configFor(target, request.subresource, request.config);
    const absent = notFound(kind, name);
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      try {
        const change = (current: KubeObject): { object: JsonObject; entries: readonly ManagedEntry[] } =>
          this.#merged(target, { ...request, config }, current);
        return { written: await this.#writer.update(target, request.subresource, change, absent), created: false };
      } catch (error) {
        if (error !== absent || request.subresource !== '' || !serves(kind, 'create')) throw error;
      }
      await request.mayCreate?.();
      const written = await this.#create(target, config);
      if (written !== undefined) return { written, created: true };
    }
    throw conflict(kind, name, 'it comes and goes; please try again');
  }

  #applierOf({ kind, manager }: Target, subresource: string): FieldWriter {
    const time = this.#env.clock.timestamp();
    return { manager, operation: 'Apply', apiVersion: kind.apiVersion, subresource, time };
  }

  #merged(
    target: Target,
    { subresource, config, force }: ApplyRequest,
    current: KubeObject,
  ): { object: JsonObject; entries: readonly ManagedEntry[] } {
    const { managedFields, ...metadata } = current.metadata;
    const live = { ...current, metadata } as JsonObject;
    const input: ApplyInput = {
      live,
      entries: storedEntries(managedFields),
      config,
      node: target.kind.schema,
      part: partOf(target, subresource),
      writer: this.#applierOf(target, subresource),
    };
    const applied = apply(input);
    if (applied.conflicts.length > 0 && !force && !mayTake(input, applied)) throw conflictError(applied.conflicts);
    const object = storable(target, config, applied.object);
    if (target.manager === kubectlManager && subresource === '') keepLastApplied(object, config);
    return { object, entries: applied.entries };
  }

  /** Undefined: somebody else was faster. */
  async #create(target: Target, config: JsonObject): Promise<Written | undefined> {
    const { kind, name } = target;
    const metadata = own(config, 'metadata');
    const uid = isJsonObject(metadata) ? metadata['uid'] : undefined;
    if (typeof uid === 'string' && uid !== '') {
      throw conflict(
        kind,
        name,
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    }
    const writer = this.#applierOf(target, '');
    const part = partOf(target, '');
    const { object, entries } = apply({ live: undefined, entries: [], config, node: kind.schema, part, writer });
    return this.#writer.createIfAbsent(target, storable(target, config, object), entries);
  }
}
