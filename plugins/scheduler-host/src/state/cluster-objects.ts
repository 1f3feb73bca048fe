/** Objects beside nodes and pods that rules look at, out of informers. */
import type { Informer, Informers } from '@timonel/sdk/controller';
import type { ClusterObjects } from '@timonel/sdk/contracts/scheduler';
import {
  furtherClusterTypes,
  furtherNamespacedTypes,
  namespaces,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';

function typeOf(resource: string): ResourceType {
  const found = [...furtherNamespacedTypes, ...furtherClusterTypes].find((type) => type.resource === resource);
  if (found === undefined) throw new TypeError(`there is no type ${resource}`);
  return found;
}

const noLabels: Readonly<Record<string, string>> = Object.freeze({});

export class InformedObjects implements ClusterObjects {
  readonly #namespaces: Informer<KubeObject>;
  readonly #claims: Informer<KubeObject>;
  readonly #volumes: Informer<KubeObject>;
  readonly #storageClasses: Informer<KubeObject>;
  readonly #csiNodes: Informer<KubeObject>;
  readonly #budgets: Informer<KubeObject>;
  readonly #drivers: Informer<KubeObject>;
  readonly #capacities: Informer<KubeObject>;
  #generation = 1;

  /** `changed` is told the plural name of what changed. */
  constructor(informers: Pick<Informers, 'for'>, changed: (resource: string) => void) {
    const follow = (type: ResourceType): Informer<KubeObject> => {
      const informer = informers.for(type);
      const tell = (): void => {
        this.#generation += 1;
        changed(type.resource);
      };
      informer.addHandler({ added: tell, updated: tell, deleted: tell });
      return informer;
    };
    this.#namespaces = follow(namespaces);
    this.#claims = follow(typeOf('persistentvolumeclaims'));
    this.#volumes = follow(typeOf('persistentvolumes'));
    this.#storageClasses = follow(typeOf('storageclasses'));
    this.#csiNodes = follow(typeOf('csinodes'));
    this.#budgets = follow(typeOf('poddisruptionbudgets'));
    this.#drivers = follow(typeOf('csidrivers'));
    this.#capacities = follow(typeOf('csistoragecapacities'));
  }

  get generation(): number {
    return this.#generation;
  }

  namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    return this.#namespaces.get(namespace)?.metadata.labels ?? noLabels;
  }

  persistentVolumeClaim(namespace: string, name: string): KubeObject | undefined {
    return this.#claims.get(`${namespace}/${name}`);
  }

  persistentVolume(name: string): KubeObject | undefined {
    return this.#volumes.get(name);
  }

  persistentVolumes(): Iterable<KubeObject> {
    return this.#volumes.list();
  }

  storageClass(name: string): KubeObject | undefined {
    return this.#storageClasses.get(name);
  }

  csiNode(name: string): KubeObject | undefined {
    return this.#csiNodes.get(name);
  }

  podDisruptionBudgets(): Iterable<KubeObject> {
    return this.#budgets.list();
  }

  csiDriver(name: string): KubeObject | undefined {
    return this.#drivers.get(name);
  }

  csiStorageCapacities(): Iterable<KubeObject> {
    return this.#capacities.list();
  }
}
