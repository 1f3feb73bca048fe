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
import { runController, type KeySource, type ReconcileResult } from '../controller.ts';
import { EventRecorder } from '../event-recorder.ts';
import { informers, type Informers } from '../informers.ts';
import { ownerIsCurrent } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import { updateStatusIfChanged } from '../status.ts';
import type { Action, Outcome } from './actions.ts';
import { executeActions, type ExecutorMeans } from './executor.ts';
import { explainerOf } from './explainer.ts';
import { ActionHistory } from './history.ts';

// oxlint-disable-next-line no-generated-empty-object-type
type None = Readonly<Record<never, never>>;

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
  readonly requeueAfterMs?: number | undefined;
}

/** What `inputs` and `observe` may use. */
export interface Wiring<R extends TokenRecord, O extends TokenRecord, C> {
  readonly informers: Informers;
  readonly api: ApiClient;
  readonly deps: Deps<R, O>;
  readonly config: C;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
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
  /** The type whose objects it drives to their declared state; keys are theirs. */
  readonly subject: ResourceType<T>;
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
  /** Pure: what keeps the object from being as declared, the root cause first. `timonel why` shows it. */
  readonly explain?: (observed: Seen) => readonly Cause[];
  /** Ask the API whether the subject is still as the cache shows it before the first action. Default true. */
  readonly confirm?: boolean;
  /** Reconciles at a time. Default 8. */
  readonly workers?: number;
  readonly retryLimitMs?: number;
}

function earlier(a: number | undefined, b: number | undefined): ReconcileResult {
  const times = [a, b].filter((time) => time !== undefined);
  return times.length === 0 ? {} : { requeueAfterMs: Math.max(0, Math.min(...times)) };
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
  const { name, subject: type } = input;
  return definePlugin({
    name,
    version: input.version,
    apiVersion: 1,
    description: input.description,
    provides: { controller, explainers },
    requires: { ...input.requires, api: apiClient },
    optional: { ...input.optional, leadership },
    ...(input.config === undefined ? {} : { config: input.config }),
    swap: 'drain',
    setup(ctx) {
      const { api } = ctx.deps;
      const caches = informers(ctx, api);
      const wiring: Wiring<R, O, StandardSchemaV1.InferOutput<S>> = {
        informers: caches,
        api,
        deps: ctx.deps as unknown as Deps<R, O>,
        config: ctx.config,
        env: ctx.env,
        log: ctx.log,
        signal: ctx.signal,
      };
      const inputs = input.inputs(wiring);
      const history = new ActionHistory(name);
      const means: ExecutorMeans = {
        api,
        events: new EventRecorder(ctx, api, { component: input.component }),
        fieldManager: name,
        cacheOf: (written) => caches.find(written),
      };
      const { clock } = ctx.env;
      const observe = (key: string): Seen | undefined | Promise<Seen | undefined> =>
        input.observe(key, inputs, { nowMs: clock.now(), timestamp: clock.timestamp() }, wiring);

      async function reconcile(key: string, ownWrites: OwnWrites): Promise<ReconcileResult> {
        const observed = await observe(key);
        if (observed === undefined) {
          history.forget(key);
          return {};
        }
        const { subject } = observed;
        const { actions, requeueAfterMs } = input.reconcile(observed);
        const mustBeCurrent = subject !== undefined && actions.length > 0 && input.confirm !== false;
        if (mustBeCurrent && !(await ownerIsCurrent(api, type, subject))) return {};
        const { outcome, latest } = await executeActions(
          means,
          { key, subjectType: type, subject, ownWrites },
          actions,
        );
        history.add(key, observed.timestamp, outcome);
        let later: number | undefined;
        if (subject !== undefined && input.status !== undefined) {
          const now = latest(subject);
          const plan = input.status({ ...observed, subject: now }, outcome);
          const written = plan === undefined ? undefined : await updateStatusIfChanged(api, type, now, plan.status);
          const cache = caches.find(type);
          if (written !== undefined && cache !== undefined) ownWrites.wrote(key, cache, written);
          later = plan?.requeueAfterMs;
        }
        if (outcome.failure !== undefined) throw outcome.failure.error;
        return earlier(requeueAfterMs, later);
      }

      const running = runController({
        ctx,
        name: name.replace(/^controller-/, ''),
        informers: caches,
        sources: input.sources(inputs),
        reconcile,
        leadership: ctx.deps.leadership,
        ...(input.workers === undefined ? {} : { workers: input.workers }),
        ...(input.retryLimitMs === undefined ? {} : { retryLimitMs: input.retryLimitMs }),
      });
      const explainer = explainerOf(type, {
        observe,
        history,
        component: name,
        leads: () => running.provides.controller.status().leading,
        ...(input.explain === undefined ? {} : { explain: input.explain }),
      });
      return { ...running, provides: { ...running.provides, explainers: explainer } };
    },
  });
}
