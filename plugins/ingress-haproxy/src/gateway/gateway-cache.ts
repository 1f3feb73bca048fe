/** Follows the objects of the Gateway API, once their kinds are served. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { informers, type ControllerHost, type Informer, type Informers } from '@timonel/sdk/controller';
import {
  apiErrorReason,
  customResourceDefinitions,
  isNotFound,
  namespaces,
  objectKey,
  type KubeObject,
  type Namespace,
  type ResourceType,
  type Secret,
} from '@timonel/sdk/kube';
import { controllerName } from '../ingress/classes.ts';
import { gatewayDefinitions } from './definitions.ts';
import type { GatewayRoutes } from './gateway-routes.ts';
import type { GatewayObjects } from './objects.ts';
import {
  gatewayClasses,
  gateways,
  grpcRoutes,
  httpRoutes,
  referenceGrants,
  type Gateway,
  type GatewayClass,
  type GrpcRoute,
  type HttpRoute,
  type ReferenceGrant,
} from './types.ts';

const pollMs = 1_000;
const kinds: readonly ResourceType[] = [
  gatewayClasses,
  gateways,
  httpRoutes,
  grpcRoutes,
  referenceGrants,
] as ResourceType[];

export interface GatewayCacheOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  /** Of the class that is made where none is served. Empty: none is made. */
  readonly className: string;
  readonly secret: (key: string) => Secret | undefined;
  readonly changed: () => void;
}

export class GatewayCache implements GatewayObjects {
  readonly #options: GatewayCacheOptions;
  readonly #all: Informers;
  readonly #classes: Informer<GatewayClass>;
  readonly #gateways: Informer<Gateway>;
  readonly #httpRoutes: Informer<HttpRoute>;
  readonly #grpcRoutes: Informer<GrpcRoute>;
  readonly #grants: Informer<ReferenceGrant>;
  readonly #namespaces: Informer<Namespace>;
  readonly #stop = new AbortController();
  #starting: Promise<void> | undefined;
  #synced = false;

  constructor(options: GatewayCacheOptions) {
    this.#options = options;
    this.#all = informers(options.host, options.api);
    this.#classes = this.#all.for(gatewayClasses);
    this.#gateways = this.#all.for(gateways);
    this.#httpRoutes = this.#all.for(httpRoutes);
    this.#grpcRoutes = this.#all.for(grpcRoutes);
    this.#grants = this.#all.for(referenceGrants);
    this.#namespaces = this.#all.for(namespaces);
    const touch = (): void => {
      if (this.#synced) options.changed();
    };
    const followed = [this.#classes, this.#gateways, this.#httpRoutes, this.#grpcRoutes, this.#grants];
    for (const informer of followed as Informer<KubeObject>[]) {
      informer.addHandler({
        added: touch,
        deleted: touch,
        updated(now, old) {
          // A status is what this plugin itself writes.
          if (now.metadata.generation === undefined || now.metadata.generation !== old.metadata.generation) touch();
        },
      });
    }
    this.#namespaces.addHandler({ added: touch, deleted: touch, updated: touch });
  }

  /** Whether all of it is known. */
  get synced(): boolean {
    return this.#synced;
  }

  start(): void {
    this.#starting = this.#start().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.host.reportFault(error);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#all.stop();
    await this.#starting;
  }

  gatewayClasses(): readonly GatewayClass[] {
    return this.#classes.list();
  }

  gateways(): readonly Gateway[] {
    return this.#gateways.list();
  }

  httpRoutes(): readonly HttpRoute[] {
    return this.#httpRoutes.list();
  }

  grpcRoutes(): readonly GrpcRoute[] {
    return this.#grpcRoutes.list();
  }

  referenceGrants(): readonly ReferenceGrant[] {
    return this.#grants.list();
  }

  namespace(name: string): Namespace | undefined {
    return this.#namespaces.get(name);
  }

  secret(key: string): Secret | undefined {
    return this.#options.secret(key);
  }

  /** The same with the objects as they are known now: what was written to them since is not written again. */
  fresh(routes: GatewayRoutes): GatewayRoutes {
    const classOf = (object: GatewayClass): GatewayClass => this.#classes.get(objectKey(object)) ?? object;
    return {
      ...routes,
      classes: routes.classes.map(classOf),
      gateways: routes.gateways.map((known) => ({
        ...known,
        gateway: this.#gateways.get(objectKey(known.gateway)) ?? known.gateway,
      })),
      routeObjects: routes.routeObjects.map((known) => {
        const informer = known.type.resource === httpRoutes.resource ? this.#httpRoutes : this.#grpcRoutes;
        return { ...known, route: informer.get(objectKey(known.route)) ?? known.route };
      }),
    };
  }

  async #start(): Promise<void> {
    const { host, className } = this.#options;
    await this.#insist('the kinds of the Gateway API could not be made', () => this.#define());
    await this.#insist('the kinds of the Gateway API are not served yet', () => this.#areServed());
    this.#all.start();
    await this.#all.synced();
    this.#synced = true;
    this.#options.changed();
    const isOurs = ({ spec }: GatewayClass): boolean => spec?.controllerName === controllerName;
    if (className === '' || this.#classes.list().some(isOurs)) return;
    const object = { metadata: { name: className }, spec: { controllerName } };
    await this.#options.api.create(gatewayClasses, object).catch((error: unknown) => {
      host.log.debug({ error: errorMessage(error) }, 'the GatewayClass was not made');
    });
  }

  async #insist(what: string, attempt: () => Promise<void>): Promise<void> {
    const { host } = this.#options;
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        host.log.debug({ error: errorMessage(error) }, what);
      }
      await host.env.timers.sleep(pollMs, this.#stop.signal);
    }
  }

  /** Those that are there stay as they are. */
  async #define(): Promise<void> {
    const { api } = this.#options;
    for (const definition of gatewayDefinitions) {
      try {
        await api.get(customResourceDefinitions, { name: definition.metadata.name ?? '' });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        await api.create(customResourceDefinitions, definition).catch((refused: unknown) => {
          if (apiErrorReason(refused) !== 'AlreadyExists') throw refused;
        });
      }
    }
  }

  async #areServed(): Promise<void> {
    for (const type of kinds) await this.#options.api.list(type, { limit: 1 });
  }
}
