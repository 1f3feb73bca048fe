/** What a controller may do, as data: made by a pure function, carried out by `executor.ts`. */
import type { DeleteOptions, Patch } from '../../contracts/api/index.ts';
import type { KubeObject, ResourceType } from '../../kube/index.ts';

/** Why an action is taken: `timonel why` shows it. */
export interface ActionCause {
  /** For programs: `TooFewReplicas`. */
  readonly code: string;
  /** For people: `2 of 3 replicas exist`. */
  readonly text: string;
}

/** The core/v1 Event that is recorded about the subject (or `about`) when the action was carried out, or was refused. */
export interface ActionEvent {
  readonly reason: string;
  readonly message: string | ((answer: KubeObject) => string);
  readonly kind?: 'Normal' | 'Warning';
  /** The event is told again only when this text is another than at the last event of its reason about the object. */
  readonly once?: string;
  /** When the API refuses. The message is put before the error's. */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Nothing is recorded when the action was carried out, only the failure. */
  readonly onlyFailure?: boolean;
  /** Default: the subject. */
  readonly about?: { readonly type: ResourceType; readonly object: KubeObject };
}

interface Common {
  readonly type: ResourceType;
  readonly cause: ActionCause;
  readonly event?: ActionEvent;
  /**
   * Refused for what its object is, it keeps only the further actions on that object from being tried, not those on others. Default
   * false: the first refusal ends the pass. The pass is tried again either way.
   */
  readonly independent?: boolean;
}

export interface CreateAction extends Common {
  readonly do: 'create';
  readonly object: KubeObject;
  /** When an object of this name is there: `fail` (default) ends the pass; `report` too, but as `outcome.existing`, not as a failure. */
  readonly ifExists?: 'fail' | 'report';
}

/** Replaces `object`, as the cache showed it, by `next`. Refused with Conflict when somebody wrote since. */
export interface UpdateAction extends Common {
  readonly do: 'update';
  readonly object: KubeObject;
  readonly next: KubeObject;
}

/** Merge and strategic patches are refused with Conflict when somebody wrote since the cache's state, unless `fenced` is false. */
export interface PatchAction extends Common {
  readonly do: 'patch';
  readonly object: KubeObject;
  readonly patch: Patch;
  readonly subresource?: string;
  /** Default true. */
  readonly fenced?: boolean;
}

/** Replaces the status of an object that is not the subject; that of the subject is what `status` of the controller answers. */
export interface StatusAction extends Common {
  readonly do: 'status';
  readonly object: KubeObject;
  readonly status: unknown;
}

/** Deletes this very object (its uid). That it is gone, or another of its name is there, is what was wanted. */
export interface DeleteAction extends Common {
  readonly do: 'delete';
  readonly object: KubeObject;
  readonly options?: DeleteOptions;
}

/** POST to a subresource, for example `eviction` or `binding`. */
export interface SubresourceAction extends Common {
  readonly do: 'post';
  readonly object: KubeObject;
  readonly subresource: string;
  readonly body: KubeObject;
}

/** Work outside of the API: a function of `effects` of the controller does it, by its name. What it throws is a refusal. */
export interface EffectAction extends Common {
  readonly do: 'effect';
  readonly effect: string;
  readonly object: KubeObject;
}

/** Records an event, and nothing else. */
export interface EventAction extends Common {
  readonly do: 'event';
  readonly event: ActionEvent;
}

export type Action =
  | CreateAction
  | UpdateAction
  | PatchAction
  | StatusAction
  | DeleteAction
  | SubresourceAction
  | EffectAction
  | EventAction;

type More<A extends Action> = Omit<A, 'do' | 'type' | 'object' | 'next' | 'status' | 'patch' | 'body' | 'subresource'>;

/** Makers of actions, which check that object and type fit. */
export const act = {
  create: <T extends KubeObject>(type: ResourceType<T>, object: T, more: More<CreateAction>): CreateAction => ({
    do: 'create',
    type,
    object,
    ...more,
  }),
  update: <T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    next: T,
    more: More<UpdateAction>,
  ): UpdateAction => ({
    do: 'update',
    type,
    object,
    next,
    ...more,
  }),
  patch: <T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    patch: Patch,
    more: More<PatchAction> & { readonly subresource?: string },
  ): PatchAction => ({ do: 'patch', type, object, patch, ...more }),
  status: <T extends KubeObject & { status?: unknown }>(
    type: ResourceType<T>,
    object: T,
    status: NonNullable<T['status']>,
    more: More<StatusAction>,
  ): StatusAction => ({ do: 'status', type, object, status, ...more }),
  delete: <T extends KubeObject>(type: ResourceType<T>, object: T, more: More<DeleteAction>): DeleteAction => ({
    do: 'delete',
    type,
    object,
    ...more,
  }),
  post: <T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    subresource: string,
    body: KubeObject,
    more: More<SubresourceAction>,
  ): SubresourceAction => ({ do: 'post', type, object, subresource, body, ...more }),
  effect: <T extends KubeObject>(
    type: ResourceType<T>,
    effect: string,
    object: T,
    more: More<SubresourceAction>,
  ): EffectAction => ({ do: 'effect', type, effect, object, ...more }),
  /** `about.type` of the event defaults to the subject's. */
  event: (type: ResourceType, event: ActionEvent, cause: ActionCause): EventAction => ({
    do: 'event',
    type,
    event,
    cause,
  }),
} as const;

/** What came of the actions of one pass. */
export interface Outcome {
  /** What the API answered to each action that was carried out. */
  readonly answers: ReadonlyMap<Action, KubeObject>;
  /** Creates with `ifExists: 'report'` that found their name taken. */
  readonly existing: readonly CreateAction[];
  /** What has the names of those, as the API shows it. Absent, or without it: it was gone again. */
  readonly found?: ReadonlyMap<Action, KubeObject>;
  /** The first action that was refused. Those after it were not tried, but for `independent` ones. */
  readonly failure?: { readonly action: Action; readonly error: unknown; readonly message: string };
}
