/**
 * Records core/v1 Events about objects: the same event again raises `count` and `lastTimestamp`; many different messages of one
 * reason are combined; each object has a budget of events. Recording never blocks and never fails: an event that cannot be
 * written is dropped and counted.
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
  readonly event: CoreEvent;
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
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(host: ControllerHost, api: ApiClient, options: EventRecorderOptions) {
    this.#host = host;
    this.#api = api;
    this.#options = { burst: 25, refillMs: 300_000, queueLimit: 1_000, ...options };
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
    const { uid = '', namespace, name = '' } = object.metadata;
    const about = `${type.resource}/${uid}/${name}`;
    if (this.#host.signal.aborted || this.#queue.length >= this.#options.queueLimit || !this.#spend(about)) {
      this.#dropped += 1;
      return;
    }
    const text = this.#combined(`${about}/${kind}/${reason}`, message);
    const now = this.#host.env.clock.timestamp();
    const suffix = Buffer.from(this.#host.env.random.bytes(8)).toString('hex');
    const event: CoreEvent = {
      metadata: { name: `${name.slice(0, 230)}.${suffix}`, namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion: apiVersionOf(type),
        kind: type.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === '' ? {} : { uid }),
        ...(object.metadata.resourceVersion === undefined ? {} : { resourceVersion: object.metadata.resourceVersion }),
      },
      reason,
      message: text.slice(0, 1024),
      source: this.#source,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type: kind,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
    };
    // Combined events are one event whatever their message.
    const key = text === message ? `${about}/${kind}/${reason}/${message}` : `${about}/${kind}/${reason}`;
    this.#queue.push({ key, event });
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Resolves when all that was recorded is written or dropped. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
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
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#host.signal.aborted) return;
      try {
        remember(this.#known, next.key, await this.#writeOne(next));
      } catch (error) {
        this.#dropped += 1;
        this.#host.log.debug(
          { reason: next.event.reason, error: errorMessage(error) },
          'an event could not be written',
        );
      }
    }
  }

  async #writeOne({ key, event }: Pending): Promise<CoreEvent> {
    const known = this.#known.get(key);
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
