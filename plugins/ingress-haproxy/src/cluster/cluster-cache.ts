/** Follows the objects that routes are made from. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { informers, type ControllerHost, type Informer, type Informers } from '@timonel/sdk/controller';
import { serviceNameLabel } from '@timonel/sdk/controller/endpoints';
import {
  endpointSlices,
  ingressClasses,
  ingresses,
  secrets,
  services,
  type EndpointSlice,
  type Ingress,
  type IngressClass,
  type KubeObject,
  type Secret,
  type Service,
} from '@timonel/sdk/kube';
import type { ClusterObjects } from './objects.ts';

export interface CacheListener {
  /** Something that routes are made from. */
  changed(): void;
  /** Only the endpoints of a service, by its key. */
  endpointsChanged(service: string): void;
}

export class ClusterCache implements ClusterObjects {
  readonly #all: Informers;
  readonly #ingresses: Informer<Ingress>;
  readonly #classes: Informer<IngressClass>;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #secrets: Informer<Secret>;

  constructor(host: ControllerHost, api: ApiClient, listener: CacheListener) {
    this.#all = informers(host, api);
    this.#ingresses = this.#all.for(ingresses);
    this.#classes = this.#all.for(ingressClasses);
    this.#services = this.#all.for(services);
    this.#slices = this.#all.for(endpointSlices, { indexes: { service: serviceOf } });
    this.#secrets = this.#all.for(secrets, { fieldSelector: 'type=kubernetes.io/tls' });
    const changed = (): void => listener.changed();
    for (const informer of [this.#ingresses, this.#classes, this.#services, this.#secrets] as Informer<KubeObject>[]) {
      // A status is what this plugin itself writes.
      const updated = (now: KubeObject, old: KubeObject): void => {
        if (!sameButStatus(now, old)) changed();
      };
      informer.addHandler({ added: changed, updated, deleted: changed });
    }
    const sliceChanged = (slice: EndpointSlice): void => listener.endpointsChanged(serviceOf(slice) ?? '');
    this.#slices.addHandler({ added: sliceChanged, updated: sliceChanged, deleted: sliceChanged });
  }

  start(): void {
    this.#all.start();
  }

  synced(): Promise<void> {
    return this.#all.synced();
  }

  async stop(): Promise<void> {
    await this.#all.stop();
  }

  ingresses(): readonly Ingress[] {
    return this.#ingresses.list();
  }

  ingress(key: string): Ingress | undefined {
    return this.#ingresses.get(key);
  }

  ingressClasses(): readonly IngressClass[] {
    return this.#classes.list();
  }

  service(key: string): Service | undefined {
    return this.#services.get(key);
  }

  slices(key: string): readonly EndpointSlice[] {
    return this.#slices.byIndex('service', key);
  }

  secret(key: string): Secret | undefined {
    return this.#secrets.get(key);
  }
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** Whether nothing but the status and the version differ. Generations count what people want. */
function sameButStatus(now: KubeObject, old: KubeObject): boolean {
  const { generation, annotations } = now.metadata;
  if (generation === undefined || generation !== old.metadata.generation) return false;
  return JSON.stringify(annotations) === JSON.stringify(old.metadata.annotations);
}
