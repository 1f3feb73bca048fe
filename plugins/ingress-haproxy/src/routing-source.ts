/** Keeps the routing table equal to the objects of the cluster. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ControllerHost } from '@timonel/sdk/controller';
import { objectKey, type Ingress, type Secret } from '@timonel/sdk/kube';
import { checkCertificate } from './cluster/certificates.ts';
import { ClusterCache } from './cluster/cluster-cache.ts';
import type { Problem } from './cluster/problem.ts';
import { Upstreams } from './cluster/upstreams.ts';
import type { IngressConfig } from './config.ts';
import { GatewayCache } from './gateway/gateway-cache.ts';
import { gatewayRoutes, type GatewayRoutes } from './gateway/gateway-routes.ts';
import { ingressRoutes } from './ingress/ingress-routes.ts';
import type { Listener, RoutingTable } from './routing/model.ts';

/** What was made of the objects. */
export interface Translated {
  readonly table: RoutingTable;
  readonly ingresses: readonly Ingress[];
  /** Undefined: the Gateway API is not served. */
  readonly gateway: GatewayRoutes | undefined;
  readonly problems: readonly Problem[];
}

export interface RoutingSourceOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly config: IngressConfig;
  readonly changed: (translated: Translated) => void;
}

/** Changes that come together are one. */
const pauseMs = 20;

export class RoutingSource {
  readonly cache: ClusterCache;
  readonly #options: RoutingSourceOptions;
  readonly #gateway: GatewayCache | undefined;
  #upstreams: Upstreams | undefined;
  #translated: Translated | undefined;
  #isAnew = true;
  #waits = false;
  #synced = false;

  constructor(options: RoutingSourceOptions) {
    this.#options = options;
    const { host, api, config } = options;
    const changed = (): void => {
      this.#isAnew = true;
      this.#touch();
    };
    this.cache = new ClusterCache(host, api, {
      changed,
      endpointsChanged: (service) => {
        if (this.#upstreams?.uses(service) !== false) this.#touch();
      },
    });
    const secret = (key: string): Secret | undefined => this.cache.secret(key);
    this.#gateway = config.gatewayApi
      ? new GatewayCache({ host, api, className: config.className, secret, changed })
      : undefined;
  }

  /** What is served, once the caches are full. */
  get translated(): Translated | undefined {
    return this.#translated;
  }

  /** The same with the objects as they are known now. */
  fresh(): Translated | undefined {
    const known = this.#translated;
    if (known === undefined) return undefined;
    const ingresses = known.ingresses.flatMap((ingress) => this.cache.ingress(objectKey(ingress)) ?? []);
    const gateway = known.gateway === undefined ? undefined : this.#gateway?.fresh(known.gateway);
    return { ...known, ingresses, gateway };
  }

  start(): void {
    this.cache.start();
    this.#gateway?.start();
    this.cache.synced().then(
      () => {
        this.#synced = true;
        this.#touch();
      },
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop();
    await this.cache.stop();
  }

  #touch(): void {
    const { host } = this.#options;
    if (!this.#synced || this.#waits || host.signal.aborted) return;
    this.#waits = true;
    host.env.timers.after(pauseMs, () => {
      this.#waits = false;
      this.#translate();
    });
  }

  #translate(): void {
    const before = this.#translated;
    if (!this.#isAnew && before !== undefined && this.#upstreams !== undefined) {
      this.#tell({ ...before, table: { ...before.table, upstreams: this.#upstreams.refreshed() } });
      return;
    }
    this.#isAnew = false;
    this.#upstreams = new Upstreams(this.cache);
    this.#tell(this.#anew(this.#upstreams));
  }

  #tell(translated: Translated): void {
    this.#translated = translated;
    this.#options.changed(translated);
  }

  #anew(upstreams: Upstreams): Translated {
    const { config } = this.#options;
    const ports = { http: config.httpPort, https: config.httpsPort };
    const { served, routes, certificates, problems } = ingressRoutes(this.cache, upstreams, ports);
    const listeners: Listener[] = [
      ...(ports.http === 0 ? [] : [{ port: ports.http, tls: false, certificates: [] }]),
      ...(ports.https === 0 ? [] : [{ port: ports.https, tls: true, certificates }]),
    ];
    const gateway = this.#gatewayRoutes(upstreams);
    const table = {
      listeners: mergedListeners([...listeners, ...(gateway?.listeners ?? [])]),
      routes: [...routes, ...(gateway?.routes ?? [])],
      upstreams: upstreams.all,
      ...this.#defaultCertificate(),
    };
    return { table, ingresses: served, gateway, problems: [...problems, ...(gateway?.problems ?? [])] };
  }

  #gatewayRoutes(upstreams: Upstreams): GatewayRoutes | undefined {
    if (this.#gateway?.synced !== true) return undefined;
    const { httpPort, httpsPort, gatewayPorts } = this.#options.config;
    const ports = new Map<number, boolean | undefined>(gatewayPorts.map((port) => [port, undefined]));
    if (httpPort !== 0) ports.set(httpPort, false);
    if (httpsPort !== 0) ports.set(httpsPort, true);
    return gatewayRoutes(this.#gateway, upstreams, ports);
  }

  #defaultCertificate(): { readonly defaultCertificate?: string } {
    const { defaultCertificate: name } = this.#options.config;
    if (name === undefined) return {};
    const checked = checkCertificate(name, this.cache.secret(name));
    if (checked.usable) return { defaultCertificate: checked.pem };
    this.#options.host.log.warn({ secret: name }, `the default certificate cannot be used: ${checked.message}`);
    return {};
  }
}

/** One for each port. */
function mergedListeners(listeners: readonly Listener[]): readonly Listener[] {
  const byPort = new Map<number, Listener>();
  for (const listener of listeners) {
    const before = byPort.get(listener.port);
    const certificates = [...(before?.certificates ?? []), ...listener.certificates];
    byPort.set(listener.port, { ...(before ?? listener), certificates });
  }
  return [...byPort.values()];
}
