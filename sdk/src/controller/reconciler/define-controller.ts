/**
 * A controller as one declaration: which caches it reads, which keys a change concerns, what it observes for a key, and two pure
 * functions: what to do, and what the status is then. Everything else (leadership, back-off, own writes that the caches have yet
 * to show, events, metrics, `timonel why`) is done here.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { apiClient, type ApiClient } from '../../contracts/api/index.ts';
import { controller } from '../../contracts/controller/index.ts';
import { leadership } from '../../contracts/leadership/index.ts';
import { explainers, type Cause } from '../../contracts/why/index.ts';
import {
  definePlugin,
  type AnyPlugin,
  type Deps,
  type Env,
  type Logger,
  type TokenRecord,
} from '../../kernel/index.ts';
import type { KubeObject, ResourceType } from '../../kube/index.ts';
import type { KeySource } from '../controller.ts';
import type { ControllerHost } from '../host.ts';
import type { Informers } from '../informers.ts';
import type { Action, ActionEvent, Outcome } from './actions.ts';
import { buildController } from './build-controller.ts';
import type { Effect } from './executor.ts';
import { runControllers, type ControllersContext } from './run-controllers.ts';

// oxlint-disable-next-line no-generated-empty-object-type
export type None = Readonly<Record<never, never>>;

/** What every observation holds. Controllers add what their functions look at. */
export interface Observation<T extends KubeObject> {
  /** The object of the key as the cache shows it. Undefined: it is gone, and something is left to do all the same. */
  readonly subject: T | undefined;
  /** ms since the epoch. */
  readonly nowMs: number;
  /** The same, as the API writes times. */
  readonly timestamp: string;
}

export interface Reconciliation {
  /** In order. An object at most once for each verb. Empty: the actual state is the declared one. */
  readonly actions: readonly Action[];
  /** Look again after this time, even if nothing changes. */
  readonly requeueAfterMs?: number | undefined;
}

export interface StatusPlan<T extends KubeObject & { status?: unknown }> {
  /** Written when it differs from what the object has. */
  readonly status: NonNullable<T['status']>;
  /** Recorded once the status is written; not when it was as it should be already, and not when the API refused it. */
  readonly events?: readonly ActionEvent[];
  readonly requeueAfterMs?: number | undefined;
}

/** What `inputs` and `observe` may use. */
export interface Wiring<R extends TokenRecord, O extends TokenRecord, C> {
  /** For informers that are not of `informers`, because they come and go. */
  readonly host: ControllerHost;
  readonly informers: Informers;
  readonly api: ApiClient;
  readonly deps: Deps<R, O>;
  readonly config: C;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** A directory of the plugin's own, kept over restarts. */
  readonly dataDir: string;
}

export interface ControllerInput<
  T extends KubeObject & { status?: unknown },
  Inputs,
  Seen extends Observation<T>,
  R extends TokenRecord,
  O extends TokenRecord,
  S extends StandardSchemaV1,
> {
  /** `controller-job`. Its status is called `job`. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** `source.component` of its events: `job-controller`. */
  readonly component: string;
  /**
   * The type whose objects it drives to their declared state; keys are theirs, unless it drives several together and has a key of its own
   * for them. A list: objects of all these types alike; keys are `subjectKey`s.
   */
  readonly subject: ResourceType<T> | readonly ResourceType<T>[];
  /** The type of a key that is of none of the types of `subject`: of types that are known only while it runs. */
  readonly furtherType?: (key: string, inputs: Inputs) => ResourceType<T> | undefined;
  readonly requires?: R;
  readonly optional?: O;
  readonly config?: S;
  /** The caches it reads. Each type that it writes should be among them: so it never acts on a cache that lacks its own writes. */
  readonly inputs: (wiring: Wiring<R, O, StandardSchemaV1.InferOutput<S>>) => Inputs;
  /** Which subjects are concerned by a change of an input. */
  readonly sources: (inputs: Inputs) => readonly KeySource[];
  /** Everything that the pure functions look at, for one key. Undefined: nothing to do. */
  readonly observe: (
    key: string,
    inputs: Inputs,
    now: { readonly nowMs: number; readonly timestamp: string },
    wiring: Wiring<R, O, StandardSchemaV1.InferOutput<S>>,
  ) => Seen | undefined | Promise<Seen | undefined>;
  /** Pure. */
  readonly reconcile: (observed: Seen) => Reconciliation;
  /** Pure. Called after the actions, also after refused ones; `observed.subject` is then as the pass has left it. */
  readonly status?: (observed: Seen, outcome: Outcome) => StatusPlan<T> | undefined;
  /**
   * For what only this process knows between two passes (`observe` hands it to the pure functions): called after the actions of each
   * pass, whatever came of them. It begins empty after a restart, which must be safe.
   */
  readonly remember?: (observed: Seen, outcome: Outcome, inputs: Inputs) => void;
  /** Pure: what keeps the object from being as declared, the root cause first. `timonel why` shows it. */
  readonly explain?: (observed: Seen) => readonly Cause[];
  /** What `effect` actions do, by name. */
  readonly effects?: (
    inputs: Inputs,
    wiring: Wiring<R, O, StandardSchemaV1.InferOutput<S>>,
  ) => Readonly<Record<string, Effect>>;
  /**
   * Ask the API whether the subject is still as the cache shows it before the first action. Default true. While it is being deleted
   * the answer is no: what acts all the same says when not to ask.
   */
  readonly confirm?: boolean | ((observed: Seen) => boolean);
  /** Reconciles at a time. Default 8. */
  readonly workers?: number;
  readonly retryLimitMs?: number;
}

/** Makes the plugin of a controller. See the head of this file. */
export function defineController<
  T extends KubeObject & { status?: unknown },
  Inputs,
  Seen extends Observation<T>,
  const R extends TokenRecord = None,
  const O extends TokenRecord = None,
  S extends StandardSchemaV1 = StandardSchemaV1<unknown, Record<string, never>>,
>(input: ControllerInput<T, Inputs, Seen, R, O, S>): AnyPlugin {
  return definePlugin({
    name: input.name,
    version: input.version,
    apiVersion: 1,
    description: input.description,
    provides: { controller, explainers },
    requires: { ...input.requires, api: apiClient },
    optional: { ...input.optional, leadership },
    ...(input.config === undefined ? {} : { config: input.config }),
    swap: 'drain',
    setup: (ctx) =>
      runControllers<R, O, StandardSchemaV1.InferOutput<S>>(ctx as unknown as ControllersContext<R, O>, [
        (part) => buildController(part, input),
      ]),
  });
}
