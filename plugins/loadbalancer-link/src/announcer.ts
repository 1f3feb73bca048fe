/**
 * Keeps the addresses that this node answers for on a link of its own: the kernel answers ARP requests for addresses of any of its
 * links (for those of IPv6 see ndp-addresses.ts). Follows services, nodes and slices; while the API is away the addresses stay as they are.
 */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { announcingNode, mayAnnounce, pooledAddresses } from '@timonel/sdk/contracts/loadbalancer';
import { formatIp, parseIp } from '@timonel/sdk/contracts/network';
import { byLabel, informers, type ControllerHost, type Informer } from '@timonel/sdk/controller';
import { serviceNameLabel } from '@timonel/sdk/controller/endpoints';
import {
  endpointSlices,
  nodes,
  services,
  type EndpointSlice,
  type KubeObject,
  type Node,
  type Service,
} from '@timonel/sdk/kube';

/** What holds the addresses. */
export interface Addresses {
  /** Makes them equal to `wanted`, but for those of a family that the machine does not have. Answers what it has now. @throws Error */
  set(wanted: ReadonlySet<string>): Promise<ReadonlySet<string>>;
}

/** Changes that come together are one. */
const pauseMs = 20;
const retryBaseMs = 250;
const retryLimitMs = 30_000;

export class Announcer {
  readonly #host: ControllerHost;
  readonly #nodeName: string;
  readonly #addresses: Addresses;
  readonly #taken: (addresses: readonly string[]) => void;
  readonly #informers: ReturnType<typeof informers>;
  readonly #services: Informer<Service>;
  readonly #nodes: Informer<Node>;
  readonly #slices: Informer<EndpointSlice>;
  #held: readonly string[] = [];
  /** What was wanted when the addresses were last set. Undefined: not known what there is, for instance of an earlier run. */
  #settled: ReadonlySet<string> | undefined;
  #lastError: string | undefined;
  #running: Promise<void> | undefined;
  #dirty = false;
  #failures = 0;

  /** `taken`: told of addresses that this node did not have before. */
  constructor(
    host: ControllerHost,
    api: ApiClient,
    nodeName: string,
    addresses: Addresses,
    taken: (addresses: readonly string[]) => void = () => undefined,
  ) {
    this.#host = host;
    this.#taken = taken;
    this.#nodeName = nodeName;
    this.#addresses = addresses;
    this.#informers = informers(host, api);
    this.#services = this.#informers.for(services);
    this.#nodes = this.#informers.for(nodes);
    this.#slices = this.#informers.for(endpointSlices, { indexes: { service: byLabel(serviceNameLabel) } });
    this.#touchAfter(this.#services, (service) => pooledAddresses(service).length > 0);
    this.#touchAfter(this.#slices, (slice) => this.#isLocal(slice));
    this.#touchAfter(
      this.#nodes,
      () => true,
      (before, after) => mayAnnounce(before) !== mayAnnounce(after),
    );
  }

  start(): void {
    this.#informers.start();
    this.#informers.synced().then(
      () => this.#touch(),
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await this.#informers.stop();
    await this.#running;
  }

  status(): { readonly addresses: readonly string[]; readonly lastError: string | undefined } {
    return { addresses: this.#held, lastError: this.#lastError };
  }

  /** Those that are this node's to answer for. */
  wanted(): ReadonlySet<string> {
    const wanted = new Set<string>();
    const all = this.#nodes.list();
    for (const service of this.#services.list()) {
      const { namespace, name = '' } = service.metadata;
      const slices = this.#slices.byIndex('service', name).filter(({ metadata }) => metadata.namespace === namespace);
      for (const address of pooledAddresses(service)) {
        const parsed = parseIp(address);
        if (parsed === undefined) continue;
        if (announcingNode(address, service, slices, all) === this.#nodeName) wanted.add(formatIp(parsed));
      }
    }
    return wanted;
  }

  /** Nodes report often, and slices follow every pod: what does not matter costs nothing. */
  #touchAfter<T extends KubeObject>(
    informer: Informer<T>,
    isConcerned: (object: T) => boolean,
    matters: (before: T, after: T) => boolean = () => true,
  ): void {
    const touch = (...objects: T[]): void => {
      if (objects.some(isConcerned)) this.#touch();
    };
    informer.addHandler({
      added: (object) => touch(object),
      updated: (object, old) => {
        if (matters(old, object)) touch(old, object);
      },
      deleted: (object) => touch(object),
    });
  }

  /** Whether the slice is of a service for which only nodes with a pod answer. A service that is not known yet will be told of. */
  #isLocal({ metadata: { namespace, labels } }: EndpointSlice): boolean {
    const service = this.#services.get(`${namespace}/${labels?.[serviceNameLabel]}`);
    if (service === undefined || pooledAddresses(service).length === 0) return false;
    return service.spec.externalTrafficPolicy === 'Local';
  }

  #touch(): void {
    this.#dirty = true;
    if (!this.#informers.hasSynced() || this.#host.signal.aborted) return;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    const { env, signal } = this.#host;
    while (this.#dirty && !signal.aborted) {
      await env.timers.sleep(pauseMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      this.#dirty = false;
      await this.#apply(this.wanted());
    }
    this.#running = undefined;
  }

  async #apply(wanted: ReadonlySet<string>): Promise<void> {
    const { env, log, signal } = this.#host;
    const settled = this.#settled;
    if (wanted.size === settled?.size && [...wanted].every((address) => settled.has(address))) return;
    try {
      const before = new Set(this.#held);
      const held = await this.#addresses.set(wanted);
      this.#settled = wanted;
      this.#held = [...held].toSorted((a, b) => (a < b ? -1 : 1));
      this.#taken(this.#held.filter((address) => !before.has(address)));
      this.#lastError = held.size < wanted.size ? 'IPv6 is switched off on this machine' : undefined;
      this.#failures = 0;
    } catch (error) {
      this.#settled = undefined;
      this.#lastError = errorMessage(error);
      this.#failures += 1;
      this.#dirty = true;
      log.warn({ error: this.#lastError }, 'addresses of load balancers could not be taken; trying again');
      const backOffMs = Math.min(retryLimitMs, retryBaseMs * 2 ** Math.min(this.#failures - 1, 10));
      await env.timers.sleep(backOffMs, signal).catch(() => undefined);
    }
  }
}
