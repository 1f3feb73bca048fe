/** From the declaration of a controller to one that can run. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Leadership } from '../../contracts/leadership/index.ts';
import type { Explainer } from '../../contracts/why/index.ts';
import type { OptionalRef, TokenRecord } from '../../kernel/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import { runController, type ReconcileResult, type RunningController } from '../controller.ts';
import { EventRecorder } from '../event-recorder.ts';
import type { ControllerHost } from '../host.ts';
import { ownerIsCurrent } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import { updateStatusIfChanged } from '../status.ts';
import type { ControllerInput, Observation, Wiring } from './define-controller.ts';
import { EventTeller } from './event-teller.ts';
import { executeActions, type ExecutorMeans } from './executor.ts';
import { explainerOf } from './explainer.ts';
import { ActionHistory } from './history.ts';
import { subjectsOf } from './subjects.ts';

/** What one controller of a plugin is built with. Several of one plugin share their caches. */
export interface PartContext<R extends TokenRecord, O extends TokenRecord, C> {
  readonly host: ControllerHost;
  readonly wiring: Wiring<R, O, C>;
  readonly leadership: OptionalRef<Leadership> | undefined;
}

export interface BuiltController {
  readonly running: RunningController;
  readonly explainer: Explainer;
}

/** What had a name that was to be created is gone again: no event tells when the cache never showed it. */
const vanishedMs = 1000;

function earliest(...given: readonly (number | undefined)[]): ReconcileResult {
  const times = given.filter((time) => time !== undefined);
  return times.length === 0 ? {} : { requeueAfterMs: Math.max(0, Math.min(...times)) };
}

/** Builds a controller. Nothing runs before it is started. */
export function buildController<
  T extends KubeObject & { status?: unknown },
  Inputs,
  Seen extends Observation<T>,
  R extends TokenRecord,
  O extends TokenRecord,
  S extends StandardSchemaV1,
>(
  { host, wiring, leadership }: PartContext<R, O, StandardSchemaV1.InferOutput<S>>,
  input: ControllerInput<T, Inputs, Seen, R, O, S>,
): BuiltController {
  const { name } = input;
  const subjects = subjectsOf(input.subject);
  const { api, informers: caches } = wiring;
  const inputs = input.inputs(wiring);
  const history = new ActionHistory(name);
  /** By the clock: a process that was paused in the middle of a pass knows at once when it goes on. */
  const leads = (): boolean => leadership?.current?.leading() ?? true;
  const means: ExecutorMeans = {
    api,
    leads,
    events: new EventTeller(new EventRecorder(host, api, { component: input.component })),
    fieldManager: name,
    cacheOf: (written) => caches.find(written),
    ...(input.effects === undefined ? {} : { effects: input.effects(inputs, wiring) }),
  };
  const { clock } = wiring.env;
  const observe = (key: string): Seen | undefined | Promise<Seen | undefined> =>
    input.observe(key, inputs, { nowMs: clock.now(), timestamp: clock.timestamp() }, wiring);

  async function reconcile(key: string, ownWrites: OwnWrites): Promise<ReconcileResult> {
    const observed = await observe(key);
    const type = subjects.typeOf(key) ?? input.furtherType?.(key, inputs);
    if (observed === undefined || type === undefined) {
      history.forget(key);
      return {};
    }
    const { subject } = observed;
    const { actions, requeueAfterMs } = input.reconcile(observed);
    const asks = typeof input.confirm === 'function' ? input.confirm(observed) : input.confirm !== false;
    if (asks && subject !== undefined && actions.length > 0 && !(await ownerIsCurrent(api, type, subject))) return {};
    const pass = { key, subjectType: type, subject, ownWrites };
    const { outcome, latest } = await executeActions(means, pass, actions);
    history.add(key, observed.timestamp, outcome);
    input.remember?.(observed, outcome, inputs);
    if (!leads()) return {};
    let later: number | undefined;
    if (subject !== undefined && input.status !== undefined) {
      const now = latest(subject);
      const plan = input.status({ ...observed, subject: now }, outcome);
      const written = plan === undefined ? undefined : await updateStatusIfChanged(api, type, now, plan.status);
      const cache = caches.find(type);
      if (written !== undefined && cache !== undefined) ownWrites.wrote(key, cache, written);
      if (written !== undefined) for (const event of plan?.events ?? []) means.events.tell(pass, event, written);
      later = plan?.requeueAfterMs;
    }
    if (outcome.failure !== undefined) throw outcome.failure.error;
    const hasVanished = outcome.existing.length > (outcome.found?.size ?? 0);
    return earliest(requeueAfterMs, later, hasVanished ? vanishedMs : undefined);
  }

  const running = runController({
    ctx: host,
    name: name.replace(/^controller-/, ''),
    informers: caches,
    sources: input.sources(inputs),
    reconcile,
    ...(leadership === undefined ? {} : { leadership }),
    ...(input.workers === undefined ? {} : { workers: input.workers }),
    ...(input.retryLimitMs === undefined ? {} : { retryLimitMs: input.retryLimitMs }),
  });
  const explainer = explainerOf(subjects, {
    observe,
    history,
    component: name,
    leads: () => running.provides.controller.status().leading,
    ...(input.explain === undefined ? {} : { explain: input.explain }),
  });
  return { running, explainer };
}
