/**
 * Which API servers are there: each renews a Lease of its own, as the kube-apiserver does. A Lease that stands still counts as gone.
 * Its age is measured here, from when it was seen to change: clocks of other machines do not matter.
 */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isNotFound, leases, type Lease } from '@timonel/sdk/kube';

const namespace = 'kube-system';
const fieldManager = 'cluster-join';
/** Label of these Leases; urls and member ids are annotations. */
export const serverLabel = 'timonel.dev/server';
export const urlAnnotation = 'timonel.dev/url';
/** Where endpoints lead to, when the URL has a name. */
export const endpointAnnotation = 'timonel.dev/endpoint';
export const memberAnnotation = 'timonel.dev/member-id';

/** So many periods without a change, and the server counts as gone. */
const missedPeriods = 4;

export interface OwnServer {
  readonly name: string;
  readonly url: string;
  readonly endpoint?: string | undefined;
  readonly memberId: string;
}

interface Seen extends Pick<OwnServer, 'url' | 'endpoint'> {
  readonly renewTime: string;
  readonly changedAt: number;
}

export class ServerLeases {
  readonly #api: ApiClient;
  readonly #env: Env;
  readonly #own: OwnServer;
  readonly #periodMs: number;
  readonly #seen = new Map<string, Seen>();

  constructor(api: ApiClient, env: Env, own: OwnServer, periodMs: number) {
    this.#api = api;
    this.#env = env;
    this.#own = own;
    this.#periodMs = periodMs;
  }

  /** URLs of the servers that are there, this one among them, sorted. */
  current(): readonly string[] {
    return [...new Set(this.#there().map(({ url }) => url))].sort();
  }

  /** The same as the endpoints of the service `kubernetes` have them: by address, where it is known. */
  endpoints(): readonly string[] {
    return [...new Set(this.#there().map(({ url, endpoint }) => endpoint ?? url))].sort();
  }

  #there(): readonly Pick<OwnServer, 'url' | 'endpoint'>[] {
    const oldest = this.#env.clock.monotonic() - this.#periodMs * missedPeriods;
    return [this.#own, ...[...this.#seen.values()].filter(({ changedAt }) => changedAt >= oldest)];
  }

  /** Renews the own Lease and looks at those of the others. @throws ApiError */
  async beat(): Promise<void> {
    await this.#renew();
    const { items } = await this.#api.list(leases, { namespace, labelSelector: `${serverLabel}=true` });
    const now = this.#env.clock.monotonic();
    for (const lease of items) this.#note(lease, now);
    const there = new Set(items.map(({ metadata }) => metadata.name));
    for (const name of this.#seen.keys()) if (!there.has(name)) this.#seen.delete(name);
  }

  /** Says that this server goes: the others need not wait. @throws ApiError */
  async leave(): Promise<void> {
    try {
      await this.#api.delete(leases, { namespace, name: this.#name() });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #name(): string {
    return `timonel-server-${this.#own.name}`;
  }

  #note({ metadata, spec }: Lease, now: number): void {
    const name = metadata.name ?? '';
    const renewTime = spec?.renewTime ?? '';
    const url = metadata.annotations?.[urlAnnotation];
    if (url === undefined) return;
    const before = this.#seen.get(name);
    const endpoint = metadata.annotations?.[endpointAnnotation];
    if (before?.renewTime === renewTime && before.url === url && before.endpoint === endpoint) return;
    this.#seen.set(name, { renewTime, url, endpoint, changedAt: now });
  }

  async #renew(): Promise<void> {
    const { name, url, endpoint, memberId } = this.#own;
    const labels = { [serverLabel]: 'true' };
    const annotations = { [urlAnnotation]: url, [memberAnnotation]: memberId };
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: Math.max(1, Math.ceil((this.#periodMs * missedPeriods) / 1000)),
      renewTime: this.#env.clock.microTimestamp(),
    };
    const own = { namespace, name: this.#name() };
    try {
      // null takes away what an earlier start wrote.
      const metadata = { labels, annotations: { ...annotations, [endpointAnnotation]: endpoint ?? null } };
      await this.#api.patch(leases, own, { type: 'merge', body: { metadata, spec } }, { fieldManager });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const known = endpoint === undefined ? annotations : { ...annotations, [endpointAnnotation]: endpoint };
      const metadata = { ...own, labels, annotations: known };
      await this.#api.create(leases, { metadata, spec }, { fieldManager });
    }
  }
}
