/** Follows the APIServices: who is registered, who is there, and what the objects say of it. */
import type { Env, Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type {
  ApiDelegate,
  DelegatedRequest,
  DelegatedVersion,
  HttpConnection,
  Standing,
} from '@timonel/sdk/contracts/api-server';
import { Informer, type ControllerHost } from '@timonel/sdk/controller';
import { ApiError, apiServices, isNotFound, timestampOf, type ApiService } from '@timonel/sdk/kube';
import { local, type Verdict } from './availability.ts';
import { Registration } from './registration.ts';
import { remoteUserHeaders } from './remote-user.ts';
import { serviceOf, Target, type TargetParts } from './target.ts';
import { inOrder } from './order.ts';

export interface AggregatorParts extends Pick<TargetParts, 'dial' | 'identity'> {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  /** Whether the API server answers for it itself. */
  readonly isServedHere: (group: string, version: string) => boolean;
}

const nameOf = (group: string, version: string): string => `${version}.${group}`;

export class Aggregator implements ApiDelegate {
  readonly #parts: AggregatorParts;
  readonly #informer: Informer<ApiService>;
  readonly #registrations = new Map<string, Registration>();
  #available: readonly DelegatedVersion[] = [];
  #availableText = '';

  constructor(parts: AggregatorParts) {
    this.#parts = parts;
    this.#informer = new Informer(parts.host, parts.api, apiServices);
    this.#informer.addHandler({
      added: (service) => this.#follow(service),
      updated: (service) => this.#follow(service),
      deleted: (service) => this.#forget(service),
    });
  }

  /** The APIServices as they are known. */
  get services(): Informer<ApiService> {
    return this.#informer;
  }

  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.tried;
  }

  async stop(): Promise<void> {
    for (const registration of this.#registrations.values()) registration.stop();
    await this.#informer.stop();
  }

  standing(group: string, version: string): Standing {
    if (!this.#informer.hasSynced) return 'unread';
    return this.#registrations.has(nameOf(group, version)) ? 'claimed' : 'unclaimed';
  }

  available(): readonly DelegatedVersion[] {
    return this.#available;
  }

  async connect({ group, version, user }: DelegatedRequest): Promise<HttpConnection> {
    const registration = this.#registrations.get(nameOf(group, version));
    const verdict = registration?.finding?.verdict;
    if (registration === undefined || verdict?.status !== 'True') {
      const why = verdict === undefined ? 'it was not asked yet' : `${verdict.reason}: ${verdict.message}`;
      throw new ApiError('ServiceUnavailable', `the server of ${group}/${version} is not available: ${why}`);
    }
    const { target } = registration;
    const dial: HttpConnection['dial'] = async () => {
      try {
        return await target.connect();
      } catch (error) {
        registration.check();
        throw error;
      }
    };
    return { kind: 'http', secure: false, host: target.host, headers: remoteUserHeaders(user), dial };
  }

  #follow(service: ApiService): void {
    const name = service.metadata.name ?? '';
    const target = serviceOf(service);
    if (target === undefined) {
      this.#forget(service);
      void this.#write(service, local).catch(() => undefined);
      return;
    }
    const known = this.#registrations.get(name);
    if (known?.key === Target.keyOf(service)) {
      known.update(service);
      this.#refresh();
      return;
    }
    known?.stop();
    const { dial, identity, env, api, log, isServedHere } = this.#parts;
    const registration = new Registration(service, target, {
      dial,
      identity,
      env,
      api,
      log,
      isServedHere,
      found: async (one, { verdict }) => {
        this.#refresh();
        await this.#write(one.service, verdict);
      },
    });
    this.#registrations.set(name, registration);
    this.#refresh();
    registration.check();
  }

  #forget({ metadata }: ApiService): void {
    const name = metadata.name ?? '';
    this.#registrations.get(name)?.stop();
    if (this.#registrations.delete(name)) this.#refresh();
  }

  /** The list changes only with what it says. */
  #refresh(): void {
    const versions = inOrder([...this.#registrations.values()]);
    const text = JSON.stringify(versions);
    if (text === this.#availableText) return;
    this.#availableText = text;
    this.#available = versions;
  }

  /** Several API servers say the same; whoever comes second has nothing to write. */
  async #write(service: ApiService, { status, reason, message }: Verdict): Promise<void> {
    const { api, env } = this.#parts;
    const { name = '', uid } = service.metadata;
    let current: ApiService;
    try {
      current = await api.get(apiServices, { name });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const conditions = current.status?.conditions ?? [];
    const before = conditions.find(({ type }) => type === 'Available');
    if (current.metadata.uid !== uid) return;
    if (before?.status === status && before.reason === reason && before.message === message) return;
    const now = timestampOf(env.clock.now());
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
    const condition = { type: 'Available', status, lastTransitionTime, reason, message };
    const others = conditions.filter(({ type }) => type !== 'Available');
    await api.updateStatus(apiServices, { ...current, status: { conditions: [...others, condition] } });
  }
}
