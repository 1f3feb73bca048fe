/**
 * The nodes that serve: each keeps a Lease with its addresses. The one whose name is the least writes what is told of Ingresses; two that
 * believe so for a moment write the same.
 */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ControllerHost } from '@timonel/sdk/controller';
import { isNotFound, leases, type Lease } from '@timonel/sdk/kube';

export interface MembersOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  /** Of this one. */
  readonly identity: string;
  /** Of this one, as they are now. */
  readonly addresses: () => Promise<readonly string[]>;
  readonly changed: () => void;
}

const namespace = 'kube-system';
const label = 'ingress.timonel.dev/member';
const addressesAnnotation = 'ingress.timonel.dev/addresses';
const renewMs = 10_000;
const retryMs = 1_000;
const durationSeconds = 40;

export class Members {
  readonly #options: MembersOptions;
  #addresses: readonly string[] = [];
  #leads = false;
  #loop: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Of all nodes that serve. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get leads(): boolean {
    return this.#leads;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** `leave`: it serves no more, and others are told so at once. */
  async stop(leave: boolean): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (leave) await this.#options.api.delete(leases, { namespace, name: this.#name }).catch(() => undefined);
  }

  get #name(): string {
    return `ingress-haproxy-${this.#options.identity}`;
  }

  async #run(): Promise<void> {
    const { host } = this.#options;
    while (!this.#stop.signal.aborted) {
      let pauseMs = renewMs;
      try {
        const known = await this.#renew();
        await this.#look();
        // Its node may be new, too.
        if (!known) pauseMs = retryMs;
      } catch (error) {
        pauseMs = retryMs;
        this.#leads = false;
        host.log.debug({ error: errorMessage(error) }, 'the lease of this ingress could not be renewed');
      }
      await host.env.timers.sleep(pauseMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** Answers whether its addresses are known. */
  async #renew(): Promise<boolean> {
    const { api, host, identity } = this.#options;
    const renewTime = host.env.clock.microTimestamp();
    const addresses = await this.#options.addresses();
    const annotations = { [addressesAnnotation]: addresses.join(',') };
    const spec = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime };
    const options = { fieldManager: host.name };
    try {
      const body = { metadata: { annotations }, spec };
      await api.patch(leases, { namespace, name: this.#name }, { type: 'merge', body }, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const metadata = { name: this.#name, namespace, labels: { [label]: 'true' }, annotations };
      await api.create(leases, { metadata, spec: { ...spec, acquireTime: renewTime } }, options);
    }
    return addresses.length > 0;
  }

  async #look(): Promise<void> {
    const { api, host, identity, changed } = this.#options;
    const { items } = await api.list(leases, { namespace, labelSelector: label });
    const nowMs = host.env.clock.now();
    const live = items.filter((lease) => isLive(lease, nowMs));
    const names = live.map(({ spec }) => spec?.holderIdentity ?? '').toSorted();
    const found = live.flatMap(({ metadata }) => (metadata.annotations?.[addressesAnnotation] ?? '').split(','));
    const addresses = [...new Set(found)].filter((address) => address !== '').toSorted();
    const leads = names[0] === identity;
    if (leads === this.#leads && addresses.join() === this.#addresses.join()) return;
    this.#leads = leads;
    this.#addresses = addresses;
    changed();
  }
}

function isLive({ spec }: Lease, nowMs: number): boolean {
  return Date.parse(spec?.renewTime ?? '') + (spec?.leaseDurationSeconds ?? 0) * 1000 > nowMs;
}
