/**
 * The nodes that serve: each says so by a label of its own Node. The one whose name is the least of those that are ready writes what is told
 * of Ingresses; two that believe so for a moment write the same.
 */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ControllerHost } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';
import { addressesOf } from './addresses.ts';

export interface MembersOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  /** The node on which it serves. Empty: none, and it is the only one that serves. */
  readonly nodeName: string;
  readonly changed: () => void;
}

const label = 'ingress.timonel.dev/haproxy';
const lookMs = 10_000;
const retryMs = 1_000;

export class Members {
  readonly #options: MembersOptions;
  #addresses: readonly string[] = [];
  #leads: boolean;
  #loop: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#leads = options.nodeName === '';
  }

  /** Of all nodes that serve. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get leads(): boolean {
    return this.#leads;
  }

  start(): void {
    if (this.#options.nodeName !== '') this.#loop = this.#run();
  }

  /** `leave`: it serves no more, and others are told so at once. */
  async stop(leave: boolean): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (leave && this.#loop !== undefined) await this.#mark(null).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { host } = this.#options;
    while (!this.#stop.signal.aborted) {
      let pauseMs = lookMs;
      try {
        // Its node may be new, and have no address yet.
        if (!(await this.#look())) pauseMs = retryMs;
      } catch (error) {
        pauseMs = retryMs;
        this.#leads = false;
        host.log.debug({ error: errorMessage(error) }, 'the nodes that serve Ingresses are not known');
      }
      await host.env.timers.sleep(pauseMs, this.#stop.signal).catch(() => undefined);
    }
  }

  async #mark(value: string | null): Promise<void> {
    const { api, host, nodeName } = this.#options;
    const body = { metadata: { labels: { [label]: value } } };
    await api.patch(nodes, { name: nodeName }, { type: 'merge', body }, { fieldManager: host.name });
  }

  /** Answers whether this node is among those that serve, with its addresses. */
  async #look(): Promise<boolean> {
    const { api, nodeName, changed } = this.#options;
    const { items } = await api.list(nodes, { labelSelector: label });
    const own = items.find(({ metadata }) => metadata.name === nodeName);
    if (own === undefined) {
      await this.#mark('true');
      return false;
    }
    const live = items.filter((node) => node === own || isReady(node));
    const names = live.map(({ metadata }) => metadata.name ?? '').toSorted();
    const addresses = [...new Set(live.flatMap(addressesOf))].toSorted();
    const leads = names[0] === nodeName;
    if (leads !== this.#leads || addresses.join() !== this.#addresses.join()) {
      this.#leads = leads;
      this.#addresses = addresses;
      changed();
    }
    return addressesOf(own).length > 0;
  }
}

/** As long as nothing else is said. */
function isReady({ status }: Node): boolean {
  return (status?.conditions ?? []).every(({ type, status: value }) => type !== 'Ready' || value === 'True');
}
