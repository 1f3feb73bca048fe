/**
 * The frame of a controller: informers say which keys may need work, a queue orders them, workers call `reconcile` with the key
 * alone. `reconcile` looks at everything anew (level-triggered): it is never told what happened.
 */
import type { Controller, ControllerStatus } from '../contracts/controller/index.ts';
import type { Leadership } from '../contracts/leadership/index.ts';
import type { OptionalRef, StopReason } from '../kernel/index.ts';
import { errorCode, errorMessage } from '../kernel/index.ts';
import { apiErrorReason, type KubeObject } from '../kube/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import type { ControllerHost } from './host.ts';
import type { Informer } from './informer.ts';
import type { Informers } from './informers.ts';
import { OwnWrites } from './own-writes.ts';
import { WorkQueue } from './work-queue.ts';
import { WorkWhileLeading } from './work-while-leading.ts';

/** One source of keys. Made by {@link keysFrom}. */
export interface KeySource {
  /** Feeds the keys of changed objects to `add` from now on, those in the cache included. Answers the function that ends it. */
  connect(add: (key: string) => void): () => void;
  /** The keys of all objects in the cache. */
  all(): Iterable<string>;
}

/**
 * Says which keys to work on when an object of the informer was added, changed or deleted. After a change it is asked for the old
 * and the new object. `matters` false: the change is of no interest.
 */
export function keysFrom<T extends KubeObject>(
  informer: Informer<T>,
  keysOf: (object: T) => Iterable<string>,
  matters?: (before: T, after: T) => boolean,
): KeySource {
  return {
    connect(add) {
      const addAll = (...objects: T[]): void => {
        // An idle worker takes a key at once: the same key twice would be worked on twice.
        for (const key of new Set(objects.flatMap((object) => [...keysOf(object)]))) add(key);
      };
      return informer.addHandler({
        added: (object) => addAll(object),
        updated: (object, old) => {
          if (matters === undefined || matters(old, object)) addAll(old, object);
        },
        deleted: (object) => addAll(object),
      });
    },
    *all() {
      for (const object of informer.list()) yield* keysOf(object);
    },
  };
}

/** What a reconcile may ask for. */
export interface ReconcileResult {
  /** Call again after this time, even if nothing changes. */
  readonly requeueAfterMs?: number;
}

export interface ControllerOptions {
  readonly ctx: ControllerHost;
  /** As `status()` shows it. */
  readonly name: string;
  /** All informers of the plugin: started with the controller; no reconcile runs before all have synced. */
  readonly informers: Informers;
  readonly sources: readonly KeySource[];
  /**
   * Drives the object of this key one step to its declared state. A throw puts the key back with back-off; one that is no refusal of the
   * API is a fault of the plugin, reported once for each key until that succeeds.
   */
  readonly reconcile: (key: string, ownWrites: OwnWrites) => Promise<ReconcileResult | void>;
  /** Reconciles at a time. Default 8. */
  readonly workers?: number;
  /**
   * `ctx.deps.leadership` of a plugin with `optional: { leadership }`. The controller then works only while this process leads:
   * the informers always follow, keys are dropped; when it begins to lead, the caches are listed anew and all keys are queued;
   * when it does no more, running reconciles may end and no other begins. Absent, or without a provider: it always works.
   */
  readonly leadership?: OptionalRef<Leadership>;
  readonly retryBaseMs?: number;
  readonly retryLimitMs?: number;
}

/** A controller that runs, in the shape of a plugin instance that provides `controller`. */
export interface RunningController {
  readonly provides: { readonly controller: Controller };
  readonly queue: WorkQueue;
  start(): void;
  drain(): Promise<void>;
  stop(reason?: StopReason): Promise<void>;
}

/** Lost races and a busy or absent API: the daily life of a cluster. */
const routineReasons: ReadonlySet<string> = new Set([
  'AlreadyExists',
  'Conflict',
  'NotFound',
  'ServerTimeout',
  'ServiceUnavailable',
  'Timeout',
  'TooManyRequests',
]);

/** Keys whose fault was reported. Beyond the bound faults are reported each time. */
const faultyLimit = 10_000;

/** Builds a controller. Nothing runs before `start`; it ends with `stop` or the plugin's signal. Return it from `setup`. */
export function runController(options: ControllerOptions): RunningController {
  const { ctx, name, informers, sources } = options;
  const queueAll = (): void => {
    for (const source of sources) for (const key of source.all()) queue.add(key);
  };
  const work: WorkWhileLeading = new WorkWhileLeading({
    leadership: options.leadership,
    refresh: () => informers.relist(),
    onBegin: queueAll,
    onEnd: () => queue.clear(),
  });
  const queue: WorkQueue = new WorkQueue(ctx.env, {
    ...(options.retryBaseMs === undefined ? {} : { retryBaseMs: options.retryBaseMs }),
    ...(options.retryLimitMs === undefined ? {} : { retryLimitMs: options.retryLimitMs }),
    onOverflowEnd: queueAll,
  });
  /** A key that comes while another leads is dropped: all are queued when this process does. */
  const add = (key: string): void => {
    if (work.active) queue.add(key);
  };
  const ownWrites = new OwnWrites(add);
  const counts = { reconciles: 0, errors: 0 };
  const faulty = new Set<string>();
  const metrics = ctx.metrics?.(controllerMetrics, ({ depth, adds, leading }) => {
    depth.of(name).set(queue.queued);
    adds.of(name).set(queue.adds);
    leading.of(name).set(work.active ? 1 : 0);
  });
  const duration = metrics?.duration.of(name);
  let disconnect: (() => void)[] = [];
  let workers: Promise<unknown> | undefined;

  function failed(key: string, error: unknown): void {
    counts.errors += 1;
    metrics?.retries.of(name).add();
    const retryMs = Math.round(queue.addRateLimited(key));
    const fields = { key, reason: apiErrorReason(error), error: errorMessage(error), retryMs };
    const isRoutine = routineReasons.has(fields.reason ?? '') || errorCode(error) === 'ERR_SERVICE_UNAVAILABLE';
    const kind = isRoutine ? 'routine' : fields.reason === undefined ? 'fault' : 'refused';
    metrics?.errors.of(name, kind).add();
    if (isRoutine) {
      ctx.log.debug(fields, 'reconcile will be tried again');
      return;
    }
    ctx.log.warn(fields, 'reconcile failed');
    // A refusal by the API is about one object, often a user's mistake; anything else is a fault of the plugin.
    // Told once: one odd object that is tried again and again must not use up the plugin's budget of faults and so stop it for all others.
    if (fields.reason !== undefined || faulty.has(key)) return;
    if (faulty.size < faultyLimit) faulty.add(key);
    ctx.reportFault(error);
  }

  async function once(key: string): Promise<void> {
    if (!work.active) return;
    // Held back: the own write it waits for queues the key again.
    if (!ownWrites.settled(key)) return;
    counts.reconciles += 1;
    const startedAt = ctx.env.clock.monotonic();
    try {
      const result = await options.reconcile(key, ownWrites);
      queue.forget(key);
      faulty.delete(key);
      if (!work.active) return;
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
      // A reconcile that was asked for meanwhile would find the key held back: arrange the wake-up now.
      ownWrites.settled(key);
    } catch (error) {
      if (!ctx.signal.aborted && work.active) failed(key, error);
    } finally {
      duration?.observe((ctx.env.clock.monotonic() - startedAt) / 1000);
    }
  }

  async function takeKeys(): Promise<void> {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      await once(key);
      queue.done(key);
    }
  }

  async function run(): Promise<void> {
    await informers.synced();
    await Promise.all(Array.from({ length: options.workers ?? 8 }, takeKeys));
  }

  function end(drop: boolean): void {
    for (const undo of disconnect.splice(0)) undo();
    work.stop();
    queue.shutDown({ drop });
  }

  const status = (): ControllerStatus => ({
    name,
    queued: queue.queued,
    processing: queue.processing,
    delayed: queue.delayed,
    reconciles: counts.reconciles,
    errors: counts.errors,
    synced: informers.hasSynced(),
    leading: work.leading,
  });

  return {
    provides: { controller: { status } },
    queue,
    start() {
      if (workers !== undefined) return;
      disconnect = sources.map((source) => source.connect(add));
      work.start();
      ctx.signal.addEventListener('abort', () => end(true), { once: true });
      informers.start();
      // `synced` rejects only when the informers stop before they have synced: then there is nothing to do.
      workers = run().catch(() => undefined);
    },
    async drain() {
      end(true);
      await queue.whenIdle();
    },
    async stop() {
      end(true);
      await informers.stop();
      await workers;
    },
  };
}
