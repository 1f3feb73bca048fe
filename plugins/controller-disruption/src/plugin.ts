import type { AnyPlugin } from '@timonel/sdk';
import { byNamespace, defineController, keysFrom, type Informer, type KeySource } from '@timonel/sdk/controller';
import {
  deployments,
  fromLabelSelector,
  matchesSelector,
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
  type ReplicaSet,
  type ReplicationController,
  type StatefulSet,
} from '@timonel/sdk/kube';
import { needsScale } from './budget.ts';
import { explain } from './explain.ts';
import { reconcile, statusPlan, waitsForDeletion, type Observed } from './reconcile.ts';
import { scaleOf, type Scale } from './scale.ts';

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
}

/** Keys of budgets are `namespace/name`; pods that nobody deletes are told apart by this. */
const podPrefix = 'pod:';
const notNeeded: Scale = { known: true, pods: 0, unmanaged: [] };

function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  return spec?.selector !== undefined && matchesSelector(fromLabelSelector(spec.selector), pod.metadata.labels);
}

function podKeys({ budgets, pods: informer }: Inputs): KeySource {
  return keysFrom(informer, (pod) => {
    const matching = budgets.byIndex('namespace', byNamespace(pod)).filter((budget) => selects(budget, pod));
    const keys = matching.map(objectKey);
    return waitsForDeletion(pod) ? [...keys, `${podPrefix}${objectKey(pod)}`] : keys;
  });
}

/** A budget that is a share follows what the owners declare. */
function scaleKeys<T extends KubeObject & { readonly spec: { readonly replicas?: number } }>(
  { budgets }: Inputs,
  informer: Informer<T>,
): KeySource {
  return {
    connect(add) {
      const changed = (object: T): void => {
        for (const budget of budgets.byIndex('namespace', byNamespace(object))) {
          if (needsScale(budget.spec ?? {})) add(objectKey(budget));
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

async function observeBudget(
  subject: PodDisruptionBudget,
  inputs: Inputs,
  scale: (selected: readonly Pod[]) => Promise<Scale>,
): Promise<Omit<Observed, 'nowMs' | 'timestamp'>> {
  const namespace = byNamespace(subject);
  const selected = inputs.pods.byIndex('namespace', namespace).filter((pod) => selects(subject, pod));
  const others = inputs.budgets.byIndex('namespace', namespace).filter((budget) => budget !== subject);
  const rivals = others.filter((budget) => selected.some((pod) => selects(budget, pod)));
  return {
    subject,
    pods: selected,
    scale: needsScale(subject.spec ?? {}) ? await scale(selected) : notNeeded,
    rivals: rivals.map(({ metadata }) => metadata.name ?? '').sort((a, b) => (a < b ? -1 : 1)),
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
    pods: informers.for(pods, { indexes: { namespace: byNamespace } }),
    owners: {
      deployments: informers.for(deployments),
      replicaSets: informers.for(replicaSets),
      statefulSets: informers.for(statefulSets),
      replicationControllers: informers.for(replicationControllers),
    },
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
      return { subject: undefined, ...now, pods: [], scale: notNeeded, rivals: [], spared };
    }
    const subject = inputs.budgets.get(key);
    if (subject === undefined) return undefined;
    return { ...now, ...(await observeBudget(subject, inputs, (selected) => scaleOf(inputs.owners, api, selected))) };
  },
  reconcile,
  status: statusPlan,
  explain,
});

export default plugin;
