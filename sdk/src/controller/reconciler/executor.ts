/** Carries the actions of one pass out, in order, and remembers what the caches have yet to show. */
import type { ApiClient } from '../../contracts/api/index.ts';
import { errorMessage } from '../../kernel/index.ts';
import {
  apiErrorReason,
  isAlreadyExists,
  isConflict,
  isNamespaceTerminating,
  isNotFound,
  type KubeObject,
  type ResourceType,
} from '../../kube/index.ts';
import { isApiAbsent } from '../absence.ts';
import type { Informer } from '../informer.ts';
import type { OwnWrites } from '../own-writes.ts';
import { slowStart } from '../slow-start.ts';
import type {
  Action,
  ActionEvent,
  CreateAction,
  DeleteAction,
  EffectAction,
  Outcome,
  PatchAction,
  UpdateAction,
} from './actions.ts';
import type { EventTeller } from './event-teller.ts';

/** Does the work of an {@link EffectAction}. Must be idempotent. */
export type Effect = (action: EffectAction) => Promise<void>;

export interface ExecutorMeans {
  readonly api: ApiClient;
  readonly events: EventTeller;
  readonly fieldManager: string;
  /** The cache in which writes to this type show; undefined: none is kept. */
  readonly cacheOf: (type: ResourceType) => Informer<KubeObject> | undefined;
  readonly effects?: Readonly<Record<string, Effect>>;
  /** Asked before each action: false ends the pass without a failure, for another process may work by now. Absent: always true. */
  readonly leads?: () => boolean;
}

export interface Pass {
  readonly key: string;
  readonly subjectType: ResourceType;
  readonly subject: KubeObject | undefined;
  readonly ownWrites: OwnWrites;
}

/** Neighbours that do the same to the same type go together. */
function batchesOf(actions: readonly Action[]): Action[][] {
  const batches: Action[][] = [];
  for (const action of actions) {
    const last = batches.at(-1);
    const [first] = last ?? [];
    if (last !== undefined && first?.do === action.do && first.type === action.type) last.push(action);
    else batches.push([action]);
  }
  return batches;
}

function withStatus(object: KubeObject, status: unknown): KubeObject {
  const whole: KubeObject & { status?: unknown } = { ...object, status };
  return whole;
}

/** A refusal for what the object is: others may fare better. No answer, or a busy API, is the same for all. */
function isAboutObject(error: unknown): boolean {
  return apiErrorReason(error) !== undefined && !isApiAbsent(error);
}

function uidOf(action: Action): string | undefined {
  return 'object' in action ? action.object.metadata.uid : undefined;
}

/** One pass: see {@link executeActions}. */
class Execution {
  readonly #means: ExecutorMeans;
  readonly #pass: Pass;
  readonly answers: Map<Action, KubeObject> = new Map();
  readonly existing: CreateAction[] = [];
  readonly found: Map<Action, KubeObject> = new Map();
  /** The namespace is going: nothing more can be made in it, and what is there goes anyway. */
  namespaceGoes = false;
  /** The newest state of each object that was written in this pass, by uid. */
  readonly #written = new Map<string, KubeObject>();
  /** Uids of the objects of independent actions that were refused. */
  readonly #refused = new Set<string>();
  failure: Outcome['failure'];
  /** Nothing more is tried. */
  ended = false;

  constructor(means: ExecutorMeans, pass: Pass) {
    this.#means = means;
    this.#pass = pass;
  }

  latest<T extends KubeObject>(object: T): T {
    return (this.#written.get(object.metadata.uid ?? '') as T | undefined) ?? object;
  }

  async batch(actions: readonly Action[]): Promise<void> {
    const { error } = await slowStart(actions.length, async (index) => {
      const action = actions[index];
      if (action !== undefined && !this.#refused.has(uidOf(action) ?? '')) await this.#one(action);
    });
    this.ended ||= error !== undefined;
    if (error !== undefined && !this.namespaceGoes)
      this.failure ??= { action: actions[0] as Action, error, message: errorMessage(error) };
  }

  async #one(action: Action): Promise<void> {
    this.ended ||= this.#means.leads?.() === false;
    if (this.ended) return;
    try {
      const answer = await this.#call(action);
      if (answer !== undefined) this.#remember(action, answer);
      const tells = action.event?.onlyFailure !== true && (answer !== undefined || action.do === 'event');
      if (action.event !== undefined && tells) this.#means.events.tell(this.#pass, action.event, answer);
    } catch (error) {
      if (action.do === 'create' && isNamespaceTerminating(error)) {
        this.namespaceGoes = true;
        throw error;
      }
      const failed = action.event?.failure;
      const text = errorMessage(error);
      // Somebody was faster: the next pass looks anew, and there is nothing to tell.
      if (failed !== undefined && !isConflict(error))
        this.#means.events.tellRefusal(this.#pass, action.event as ActionEvent, text);
      this.failure ??= { action, error, message: text };
      const uid = uidOf(action);
      if (action.independent !== true || uid === undefined || !isAboutObject(error)) throw error;
      this.#refused.add(uid);
    }
  }

  /** Undefined: nothing was done, or nothing is to be told of it. */
  #call(action: Action): Promise<KubeObject | undefined> | undefined {
    switch (action.do) {
      case 'create':
        return this.#create(action);
      case 'update':
        return this.#update(action);
      case 'patch':
        return this.#patch(action);
      case 'status':
        return this.#means.api.updateStatus(
          action.type,
          withStatus(this.latest(action.object), action.status),
          this.#by,
        );
      case 'delete':
        return this.#delete(action);
      case 'post':
        return this.#post(action);
      case 'effect':
        return this.#affect(action);
      case 'event':
        return undefined;
    }
  }

  get #by(): { fieldManager: string } {
    return { fieldManager: this.#means.fieldManager };
  }

  async #create(action: CreateAction): Promise<KubeObject | undefined> {
    try {
      return await this.#means.api.create(action.type, action.object, this.#by);
    } catch (error) {
      if (action.ifExists !== 'report' || !isAlreadyExists(error)) throw error;
      this.existing.push(action);
      await this.#find(action);
      return undefined;
    }
  }

  async #find(action: CreateAction): Promise<void> {
    const { namespace, name = '' } = action.object.metadata;
    try {
      const found = await this.#means.api.get(action.type, { namespace, name });
      this.found.set(action, found);
      this.wrote(action.type, found);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #update({ type, object, next }: UpdateAction): Promise<KubeObject> {
    const { resourceVersion } = this.latest(object).metadata;
    const metadata = resourceVersion === undefined ? next.metadata : { ...next.metadata, resourceVersion };
    return this.#means.api.update(type, { ...next, metadata }, this.#by);
  }

  #patch({ type, object, patch, subresource, fenced }: PatchAction): Promise<KubeObject> {
    const { namespace, name = '', resourceVersion } = this.latest(object).metadata;
    const isFenced =
      fenced !== false && resourceVersion !== undefined && (patch.type === 'merge' || patch.type === 'strategic');
    const body = patch.body as { metadata?: object };
    const sent = isFenced ? { ...patch, body: { ...body, metadata: { ...body.metadata, resourceVersion } } } : patch;
    const options = subresource === undefined ? this.#by : { ...this.#by, subresource };
    return this.#means.api.patch(type, { namespace, name }, sent, options);
  }

  async #delete({ type, object, options = {} }: DeleteAction): Promise<KubeObject | undefined> {
    const { key, ownWrites } = this.#pass;
    const { namespace, name = '', uid } = object.metadata;
    const cache = this.#means.cacheOf(type);
    if (cache !== undefined) ownWrites.deleted(key, cache, object);
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...options.preconditions };
    try {
      return await this.#means.api.delete(type, { namespace, name }, { ...options, preconditions });
    } catch (error) {
      const isOther = isConflict(error) && options.preconditions?.resourceVersion === undefined;
      if (isNotFound(error) || isOther) return undefined;
      ownWrites.notDeleted(key, object);
      throw error;
    }
  }

  async #post({ type, object, subresource, body }: Action & { do: 'post' }): Promise<KubeObject> {
    const { namespace, name = '' } = object.metadata;
    await this.#means.api.createSubresource(type, { namespace, name }, subresource, body);
    return object;
  }

  async #affect(action: EffectAction): Promise<KubeObject> {
    const effect = this.#means.effects?.[action.effect];
    if (effect === undefined) throw new TypeError(`the controller has no effect "${action.effect}"`);
    await effect(action);
    return action.object;
  }

  #remember(action: Action, answer: KubeObject): void {
    this.answers.set(action, answer);
    // What a subresource answers is no object of the type.
    const answersObject =
      action.do === 'create' || action.do === 'update' || action.do === 'status' || action.do === 'patch';
    if (!answersObject || (action.do === 'patch' && action.subresource === 'scale')) return;
    this.wrote(action.type, answer);
  }

  wrote(type: ResourceType, answer: KubeObject): void {
    const cache = this.#means.cacheOf(type);
    if (cache !== undefined) this.#pass.ownWrites.wrote(this.#pass.key, cache, answer);
    if (answer.metadata.uid !== undefined) this.#written.set(answer.metadata.uid, answer);
  }
}

/** What {@link executeActions} leaves for the status. */
export interface Executed {
  readonly outcome: Outcome;
  /** The object as it is after the pass. */
  readonly latest: <T extends KubeObject>(object: T) => T;
}

/**
 * Carries the actions out in order. Neighbours that do the same to objects of the same type go together, in batches of 1, 2, 4, …;
 * the first that fails ends the pass, unless it is independent; so does, without a failure, a creation in a namespace that is going, or the
 * end of the leadership. An object that an earlier action of the pass has written is written against that state.
 */
export async function executeActions(means: ExecutorMeans, pass: Pass, actions: readonly Action[]): Promise<Executed> {
  const execution = new Execution(means, pass);
  for (const batch of batchesOf(actions)) {
    if (execution.ended || execution.existing.length > 0) break;
    await execution.batch(batch);
  }
  const { answers, existing, found, failure } = execution;
  return {
    outcome: { answers, existing, found, ...(failure === undefined ? {} : { failure }) },
    latest: (object) => execution.latest(object),
  };
}
