/** Writes where Ingresses are served into their status, and what is wrong with objects as events. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { EventRecorder, updateStatusIfChanged, type ControllerHost } from '@timonel/sdk/controller';
import { ingresses, isConflict, isNotFound, objectKey, type Ingress } from '@timonel/sdk/kube';
import type { Problem } from '../cluster/problem.ts';
import { gatewayStatuses } from '../gateway/gateway-status.ts';
import type { Translated } from '../routing-source.ts';

export interface StatusWriterOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly component: string;
  /** Whether it is this process that writes. */
  readonly leads: () => boolean;
  readonly translated: () => Translated | undefined;
  /** Addresses and names that lead here. */
  readonly addresses: () => readonly string[];
  /** Why haproxy does not serve what it should. */
  readonly fault: () => string | undefined;
}

type LoadBalancer = { readonly ip?: string; readonly hostname?: string };

/** Changes that come together are one. */
const pauseMs = 100;
const retryMs = 2_000;

function entryOf(address: string): LoadBalancer {
  return /^[0-9.]+$|:/.test(address) ? { ip: address } : { hostname: address };
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #events: EventRecorder;
  /** Problems that were told of. */
  #told = new Set<string>();
  #waits = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#events = new EventRecorder(options.host, options.api, { component: options.component });
  }

  touch(): void {
    this.#later(pauseMs);
  }

  async stop(): Promise<void> {
    await this.#running;
    await this.#events.flush();
  }

  #later(ms: number): void {
    const { env, signal } = this.#options.host;
    if (this.#waits || signal.aborted) return;
    this.#waits = true;
    env.timers.after(ms, () => {
      this.#waits = false;
      this.#running = this.#running.then(() => this.#write());
    });
  }

  async #write(): Promise<void> {
    const { leads, translated, host } = this.#options;
    const now = translated();
    if (!leads() || now === undefined || host.signal.aborted) return;
    this.#tell(now.problems);
    const entries = this.#options.addresses().map(entryOf);
    for (const ingress of now.ingresses) await this.#try(objectKey(ingress), () => this.#writeOne(ingress, entries));
    if (now.gateway === undefined) return;
    const { addresses, fault, api } = this.#options;
    const parts = { addresses: addresses(), fault: fault(), now: host.env.clock.timestamp() };
    for (const { type, object, status } of gatewayStatuses(now.gateway, parts)) {
      await this.#try(objectKey(object), () => updateStatusIfChanged(api, type, object, status));
    }
  }

  async #try(object: string, write: () => Promise<unknown>): Promise<void> {
    const { host, leads } = this.#options;
    if (host.signal.aborted || !leads()) return;
    try {
      await write();
    } catch (error) {
      if (isNotFound(error)) return;
      // Of what was written since the caches tell, and then this is done anew.
      if (!isConflict(error)) host.log.debug({ error: errorMessage(error), object }, 'a status could not be written');
      this.#later(retryMs);
    }
  }

  async #writeOne(ingress: Ingress, entries: readonly LoadBalancer[]): Promise<void> {
    const { api, host } = this.#options;
    const { namespace, name = '' } = ingress.metadata;
    const before = ingress.status?.loadBalancer?.ingress ?? [];
    const shown = (list: readonly LoadBalancer[]): string => list.map(({ ip, hostname }) => ip ?? hostname).join(', ');
    if (ingress.metadata.deletionTimestamp !== undefined || shown(before) === shown(entries)) return;
    const body = { status: { loadBalancer: entries.length === 0 ? { ingress: null } : { ingress: entries } } };
    const options = { subresource: 'status', fieldManager: host.name };
    await api.patch(ingresses, { namespace, name }, { type: 'merge', body }, options);
    if (entries.length > 0) this.#events.record(ingresses, ingress, 'Normal', 'Served', `Served at ${shown(entries)}`);
  }

  #tell(problems: readonly Problem[]): void {
    const told = new Set<string>();
    for (const { type, object, reason, message } of problems) {
      const key = `${object.metadata.uid ?? objectKey(object)} ${reason} ${message}`;
      told.add(key);
      if (!this.#told.has(key)) this.#events.record(type, object, 'Warning', reason, message);
    }
    this.#told = told;
  }
}
