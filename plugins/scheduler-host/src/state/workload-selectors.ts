/**
 * Which pods belong to one workload with a pod: by the services that select it and by the controller that owns it. The scheduler spreads them
 * when nothing else is said. Source: kube-scheduler, default constraints of PodTopologySpread.
 */
import type { Informer, Informers } from '@timonel/sdk/controller';
import {
  furtherNamespacedTypes,
  replicaSets,
  services,
  type KubeObject,
  type LabelSelector,
  type Pod,
  type ReplicaSet,
  type ResourceType,
  type Service,
} from '@timonel/sdk/kube';

interface Workload extends KubeObject {
  readonly spec?: { readonly selector?: LabelSelector | Readonly<Record<string, string>> };
}

const byNamespace = 'namespace';
const namespaceOf = ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ''];

function furtherType(resource: string): ResourceType<Workload> {
  const found = furtherNamespacedTypes.find((type) => type.resource === resource);
  if (found === undefined) throw new TypeError(`there is no type ${resource}`);
  return found;
}

function selects(service: Service, labels: Readonly<Record<string, string>>): boolean {
  const selector = Object.entries(service.spec.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
}

export class WorkloadSelectors {
  readonly #services: Informer<Service>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #statefulSets: Informer<Workload>;
  readonly #controllers: Informer<Workload>;

  constructor(informers: Pick<Informers, 'for'>) {
    this.#services = informers.for(services, { indexes: { [byNamespace]: namespaceOf } });
    this.#replicaSets = informers.for(replicaSets);
    this.#statefulSets = informers.for(furtherType('statefulsets'));
    this.#controllers = informers.for(furtherType('replicationcontrollers'));
  }

  /** undefined: it belongs to no workload. */
  selectorFor({ metadata }: Pod): LabelSelector | undefined {
    const { namespace = '', labels = {} } = metadata;
    const matchLabels: Record<string, string> = {};
    for (const service of this.#services.byIndex(byNamespace, namespace)) {
      if (selects(service, labels)) Object.assign(matchLabels, service.spec.selector);
    }
    const owner = this.#ownersSelector(metadata, namespace);
    Object.assign(matchLabels, owner?.matchLabels);
    const matchExpressions = owner?.matchExpressions ?? [];
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) return undefined;
    return { matchLabels, ...(matchExpressions.length === 0 ? {} : { matchExpressions }) };
  }

  #ownersSelector({ ownerReferences = [] }: Pod['metadata'], namespace: string): LabelSelector | undefined {
    const owner = ownerReferences.find(({ controller }) => controller === true);
    if (owner === undefined) return undefined;
    const key = `${namespace}/${owner.name}`;
    switch (owner.kind) {
      case 'ReplicaSet':
        return this.#replicaSets.get(key)?.spec.selector;
      case 'StatefulSet':
        return this.#statefulSets.get(key)?.spec?.selector;
      case 'ReplicationController': {
        const selector = this.#controllers.get(key)?.spec?.selector as Record<string, string> | undefined;
        return selector === undefined ? undefined : { matchLabels: selector };
      }
      default:
        return undefined;
    }
  }
}
