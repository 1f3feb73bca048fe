/** Keeps the routing table equal to the objects of the cluster. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ControllerHost } from '@timonel/sdk/controller';
import type { Ingress } from '@timonel/sdk/kube';
import { checkCertificate } from './cluster/certificates.ts';
import { ClusterCache } from './cluster/cluster-cache.ts';
import type { Problem } from './cluster/problem.ts';
import { Upstreams } from './cluster/upstreams.ts';
import type { IngressConfig } from './config.ts';
import { ingressRoutes } from './ingress/ingress-routes.ts';
import type { Listener, RoutingTable } from './routing/model.ts';

/** What was made of the objects. */
export interface Translated {
  readonly table: RoutingTable;
  readonly ingresses: readonly Ingress[];
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
  #upstreams: Upstreams | undefined;
  #translated: Translated | undefined;
  #isAnew = true;
  #waits = false;
  #synced = false;

  constructor(options: RoutingSourceOptions) {
    this.#options = options;
    this.cache = new ClusterCache(options.host, options.api, {
      changed: () => {
        this.#isAnew = true;
        this.#touch();
      },
      endpointsChanged: (service) => {
        if (this.#upstreams?.uses(service) !== false) this.#touch();
      },
    });
  }

  /** What is served, once the caches are full. */
  get translated(): Translated | undefined {
    return this.#translated;
  }

  start(): void {
    this.cache.start();
    this.cache.synced().then(
      () => {
        this.#synced = true;
        this.#touch();
      },
      () => undefined,
    );
  }

  stop(): Promise<void> {
    return this.cache.stop();
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
    const table = { listeners, routes, upstreams: upstreams.all, ...this.#defaultCertificate() };
    return { table, ingresses: served, problems };
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
