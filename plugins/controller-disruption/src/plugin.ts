import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { byNamespace, defineController, keysFrom, type Informer, type KeySource } from '@timonel/sdk/controller';
import {
  deployments,
  objectKey,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
  type Deployment,
  type KubeObject,
  type Pod,
  type PodDisruptionBudget,
  type PodTemplateSpec,
  type ReplicaSet,
  type ReplicationController,
  type StatefulSet,
} from '@timonel/sdk/kube';
import { needsScale } from './budget.ts';
import { explain } from './explain.ts';
import { reconcile, statusPlan, waitsForDeletion, type Observed } from './reconcile.ts';
import { scaleOf, type Scale } from './scale.ts';
import { countsAnew, labelKeys, Selectors } from './selection.ts';

interface Owners {
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly replicationControllers: Informer<ReplicationController>;
}

interface Inputs {
  readonly budgets: Informer<PodDisruptionBudget>;
  readonly pods: Informer<Pod>;
  readonly owners: Owners;
  readonly selectors: Selectors;
}

/** Keys of budgets are `namespace/name`; pods that nobody deletes are told apart by this. */
const podPrefix = 'pod:';
const notNeeded: Scale = { known: true, pods: 0, unmanaged: [] };

function podKeys({ budgets, pods: informer, selectors }: Inputs): KeySource {
  const keysOf = (pod: Pod): string[] => {
    const inNamespace = budgets.byIndex('namespace', byNamespace(pod));
    const keys = inNamespace.filter((budget) => selectors.selects(budget, pod.metadata.labels)).map(objectKey);
    return waitsForDeletion(pod) ? [...keys, `${podPrefix}${objectKey(pod)}`] : keys;
  };
  return keysFrom(informer, keysOf, countsAnew);
}

interface Owner extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly template?: PodTemplateSpec };
}

/** A budget that is a share follows what the owners of its pods declare. */
function scaleKeys<T extends Owner>({ budgets, selectors }: Inputs, informer: Informer<T>): KeySource {
  return {
    connect(add) {
      const changed = (object: T): void => {
        const labels = object.spec.template?.metadata?.labels;
        for (const budget of budgets.byIndex('namespace', byNamespace(object))) {
          if (needsScale(budget.spec ?? {}) && selectors.selects(budget, labels)) add(objectKey(budget));
        }
      };
      return informer.addHandler({
        added: changed,
        updated(object, old) {
          if (object.spec.replicas !== old.spec.replicas) changed(object);
        },
        deleted: changed,
      });
    },
    all: () => [],
  };
}

/** Names of the other budgets that select some of the pods. */
function rivalsOf(subject: PodDisruptionBudget, selected: readonly Pod[], { budgets, selectors }: Inputs): string[] {
  return budgets
    .byIndex('namespace', byNamespace(subject))
    .filter((budget) => budget !== subject && selected.some((pod) => selectors.selects(budget, pod.metadata.labels)))
    .map(({ metadata }) => metadata.name ?? '')
    .sort((a, b) => (a < b ? -1 : 1));
}

async function observeBudget(
  subject: PodDisruptionBudget,
  inputs: Inputs,
  api: ApiClient,
): Promise<Omit<Observed, 'nowMs' | 'timestamp'>> {
  const selected = inputs.selectors.podsOf(subject, inputs.pods);
  return {
    subject,
    pods: selected,
    scale: needsScale(subject.spec ?? {}) ? await scaleOf(inputs.owners, api, selected) : notNeeded,
    rivals: () => rivalsOf(subject, selected, inputs),
    spared: undefined,
  };
}

const plugin: AnyPlugin = defineController({
  name: 'controller-disruption',
  version: '0.1.0',
  description: 'Says for each PodDisruptionBudget how many of its pods may be evicted now.',
  component: 'controllermanager',
  subject: podDisruptionBudgets,
  inputs: ({ informers }): Inputs => ({
    budgets: informers.for(podDisruptionBudgets, { indexes: { namespace: byNamespace } }),
    pods: informers.for(pods, { indexes: { labels: labelKeys } }),
    owners: {
      deployments: informers.for(deployments),
      replicaSets: informers.for(replicaSets),
      statefulSets: informers.for(statefulSets),
      replicationControllers: informers.for(replicationControllers),
    },
    selectors: new Selectors(),
  }),
  sources: (inputs) => [
    keysFrom(inputs.budgets, (budget) => [objectKey(budget)]),
    podKeys(inputs),
    scaleKeys(inputs, inputs.owners.deployments),
    scaleKeys(inputs, inputs.owners.replicaSets),
    scaleKeys(inputs, inputs.owners.statefulSets),
    scaleKeys(inputs, inputs.owners.replicationControllers),
  ],
  async observe(key, inputs, now, { api }): Promise<Observed | undefined> {
    if (key.startsWith(podPrefix)) {
      const spared = inputs.pods.get(key.slice(podPrefix.length));
      return { subject: undefined, ...now, pods: [], scale: notNeeded, rivals: () => [], spared };
    }
    const subject = inputs.budgets.get(key);
    if (subject === undefined) return undefined;
    return { ...now, ...(await observeBudget(subject, inputs, api)) };
  },
  // What it writes is refused when the cache is behind.
  confirm: false,
  reconcile,
  status: statusPlan,
  explain,
});

export default plugin;
