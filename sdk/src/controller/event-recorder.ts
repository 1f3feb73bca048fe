/**
 * Records core/v1 Events about objects: the same event again raises `count` and `lastTimestamp`; many different messages of one
 * reason are combined; each object has a budget of events. Recording never blocks and never fails: an event that cannot be
 * written is dropped and counted. Events of different objects may be written in another order than they were recorded.
 */
import type { ApiClient } from '../contracts/api/index.ts';
import { errorMessage } from '../kernel/index.ts';
import {
  apiVersionOf,
  coreEvents,
  isNotFound,
  type CoreEvent,
  type KubeObject,
  type ResourceType,
} from '../kube/index.ts';
import type { ControllerHost } from './host.ts';

export interface EventRecorderOptions {
  /** `source.component`, for example `replicaset-controller`. */
  readonly component: string;
  /** `source.host`: node agents set the node's name. */
  readonly host?: string;
  /** Events about one object at once. Default 25; then one more every `refillMs`. */
  readonly burst?: number;
  /** Default 300,000 ms. */
  readonly refillMs?: number;
  /** Events that wait to be written; more are dropped. Default 1,000. */
  readonly queueLimit?: number;
  /** Events that are written at once. Default 1. */
  readonly parallel?: number;
  /** As long as it answers true, one event at a time is written: what they tell of goes first. */
  readonly busy?: () => boolean;
}

interface Budget {
  tokens: number;
  atMs: number;
}

interface Group {
  readonly messages: Set<string>;
  readonly sinceMs: number;
}

interface Pending {
  readonly key: string;
  readonly type: ResourceType;
  readonly object: KubeObject;
  readonly kind: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly at: string;
}

const rememberedLimit = 4096;
const similarLimit = 10;
const similarWindowMs = 600_000;

/** Puts into a map that forgets what was put longest ago. */
function remember<V>(map: Map<string, V>, key: string, value: V): V {
  map.delete(key);
  map.set(key, value);
  if (map.size > rememberedLimit) {
    const { value: oldest, done } = map.keys().next();
    if (done !== true) map.delete(oldest);
  }
  return value;
}

/** See the head of this file. */
export class EventRecorder {
  readonly #host: ControllerHost;
  readonly #api: ApiClient;
  readonly #options: Required<Omit<EventRecorderOptions, 'host'>>;
  readonly #source: { component: string; host?: string };
  readonly #known = new Map<string, CoreEvent>();
  readonly #budgets = new Map<string, Budget>();
  readonly #groups = new Map<string, Group>();
  readonly #queue: Pending[] = [];
  readonly #lanes = new Set<Promise<void>>();
  /** By key. */
  readonly #underWay = new Map<string, Promise<void>>();
  #dropped = 0;

  constructor(host: ControllerHost, api: ApiClient, options: EventRecorderOptions) {
    this.#host = host;
    this.#api = api;
    this.#options = { burst: 25, refillMs: 300_000, queueLimit: 1_000, parallel: 1, busy: () => false, ...options };
    this.#source = { component: options.component, ...(options.host === undefined ? {} : { host: options.host }) };
  }

  /** Events not written: over budget, queue full, refused by the API. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Records an event. `reason` is one CamelCase word. */
  record<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    kind: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const { uid = '', name = '' } = object.metadata;
    const about = `${type.resource}/${uid}/${name}`;
    if (this.#host.signal.aborted || this.#queue.length >= this.#options.queueLimit || !this.#spend(about)) {
      this.#dropped += 1;
      return;
    }
    const text = this.#combined(`${about}/${kind}/${reason}`, message);
    // Combined events are one event whatever their message.
    const key = text === message ? `${about}/${kind}/${reason}/${message}` : `${about}/${kind}/${reason}`;
    this.#queue.push({ key, type, object, kind, reason, message: text, at: this.#host.env.clock.timestamp() });
    this.#openLanes();
  }

  /** Resolves when all that was recorded is written or dropped. */
  async flush(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes);
  }

  get #width(): number {
    return this.#options.busy() ? 1 : this.#options.parallel;
  }

  #openLanes(): void {
    if (this.#host.signal.aborted) this.#queue.length = 0;
    const count = Math.min(this.#width, this.#lanes.size + this.#queue.length);
    while (this.#lanes.size < count) {
      const lane: Promise<void> = this.#write().finally(() => {
        this.#lanes.delete(lane);
        this.#openLanes();
      });
      this.#lanes.add(lane);
    }
  }

  #spend(about: string): boolean {
    const { burst, refillMs } = this.#options;
    const nowMs = this.#host.env.clock.monotonic();
    const budget = remember(this.#budgets, about, this.#budgets.get(about) ?? { tokens: burst, atMs: nowMs });
    budget.tokens = Math.min(burst, budget.tokens + (nowMs - budget.atMs) / refillMs);
    budget.atMs = nowMs;
    if (budget.tokens < 1) return false;
    budget.tokens -= 1;
    return true;
  }

  #combined(group: string, message: string): string {
    const nowMs = this.#host.env.clock.monotonic();
    const before = this.#groups.get(group);
    const fresh = before === undefined || nowMs - before.sinceMs > similarWindowMs;
    const { messages } = remember(
      this.#groups,
      group,
      fresh ? { messages: new Set<string>(), sinceMs: nowMs } : before,
    );
    if (messages.has(message)) return message;
    if (messages.size >= similarLimit) return `(combined from similar events): ${message}`;
    messages.add(message);
    return message;
  }

  async #write(): Promise<void> {
    while (this.#lanes.size <= this.#width) {
      // Another lane may have the same event in hand, which this one counts up.
      const next = this.#queue.shift();
      if (next === undefined) return;
      for (let same = this.#underWay.get(next.key); same !== undefined; same = this.#underWay.get(next.key)) await same;
      const writing = this.#writeGuarded(next);
      this.#underWay.set(next.key, writing);
      await writing;
      this.#underWay.delete(next.key);
      this.#openLanes();
    }
  }

  async #writeGuarded(next: Pending): Promise<void> {
    try {
      remember(this.#known, next.key, await this.#writeOne(next));
    } catch (error) {
      this.#dropped += 1;
      const fields = { reason: next.reason, error: errorMessage(error) };
      this.#host.log.debug(fields, 'an event could not be written');
    }
  }

  #eventOf({ type, object, kind, reason, message, at }: Pending): CoreEvent {
    const { uid = '', namespace, name = '', resourceVersion } = object.metadata;
    const suffix = Buffer.from(this.#host.env.random.bytes(8)).toString('hex');
    return {
      // What is cut must not end in a way that no name may.
      metadata: { name: `${name.slice(0, 230).replace(/[-.]+$/, '')}.${suffix}`, namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion: apiVersionOf(type),
        kind: type.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === '' ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      reason,
      message: message.slice(0, 1024),
      source: this.#source,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      type: kind,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
    };
  }

  async #writeOne(next: Pending): Promise<CoreEvent> {
    const event = this.#eventOf(next);
    const known = this.#known.get(next.key);
    const options = { fieldManager: this.#host.name };
    if (known !== undefined) {
      const { namespace, name = '' } = known.metadata;
      const { lastTimestamp, message } = event;
      const body = { count: (known.count ?? 1) + 1, lastTimestamp, message };
      try {
        return await this.#api.patch(coreEvents, { namespace, name }, { type: 'merge', body }, options);
      } catch (error) {
        // Events expire: begin a new one.
        if (!isNotFound(error)) throw error;
      }
    }
    return this.#api.create(coreEvents, event, options);
  }
}
