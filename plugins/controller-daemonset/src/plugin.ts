import type { AnyPlugin } from '@timonel/sdk';
import {
  byControllerUid,
  byNamespaceOfOrphan,
  byNamespace,
  defineController,
  FailedPods,
  keysFrom,
  ownersOf,
  type Informer,
} from '@timonel/sdk/controller';
import { wantedRevisionName } from '@timonel/sdk/controller/revisions';
import {
  controllerOf,
  controllerRevisions,
  daemonSets,
  fromLabelSelector,
  matchesSelector,
  nodes,
  objectKey,
  pods,
  type ControllerRevision,
  type DaemonSet,
  type KubeObject,
  type Node,
  type Pod,
} from '@timonel/sdk/kube';
import { hasEnded, type Observed } from './assess.ts';
import { targetNode } from './daemon-pod.ts';
import { explain } from './explain.ts';
import { keysOnNodeChange } from './node-changes.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';

interface Inputs {
  readonly sets: Informer<DaemonSet>;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly revisions: Informer<ControllerRevision>;
  readonly failed: FailedPods;
}

const failedLimitMs = 15 * 60_000;

const selects = ({ spec }: DaemonSet, labels: Readonly<Record<string, string>>): boolean =>
  matchesSelector(fromLabelSelector(spec.selector), labels);

function dueTimes(set: DaemonSet, podsSeen: readonly Pod[], failed: FailedPods, nowMs: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const pod of podsSeen) {
    if (!hasEnded(pod) || controllerOf(pod)?.uid !== set.metadata.uid) continue;
    const { uid = '' } = pod.metadata;
    times.set(uid, failed.dueMs(`${set.metadata.uid}/${targetNode(pod)}`, uid, nowMs));
  }
  return times;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-daemonset',
  version: '0.1.0',
  description: 'Keeps a pod of each DaemonSet on every node that matches it, and rolls new templates out.',
  component: 'daemonset-controller',
  subject: daemonSets,
  inputs: ({ informers }): Inputs => {
    const indexes = { controller: byControllerUid, orphan: byNamespaceOfOrphan };
    return {
      sets: informers.for(daemonSets, { indexes: { namespace: byNamespace } }),
      pods: informers.for(pods, { indexes }),
      nodes: informers.for(nodes),
      revisions: informers.for(controllerRevisions, { indexes }),
      failed: new FailedPods(failedLimitMs),
    };
  },
  sources: (inputs) => [
    keysFrom(inputs.sets, (set) => [objectKey(set)]),
    keysFrom(inputs.pods, ownersOf(daemonSets, inputs.sets, selects)),
    keysFrom(inputs.revisions, ownersOf(daemonSets, inputs.sets, selects)),
    keysOnNodeChange(inputs.nodes, () => inputs.sets.list().map(objectKey)),
  ],
  observe(key, inputs, now): Observed | undefined {
    const set = inputs.sets.get(key);
    if (set === undefined) return undefined;
    const { uid = '', namespace = '' } = set.metadata;
    const dependents = <T extends KubeObject>(of: Informer<T>): T[] => [
      ...of.byIndex('controller', uid),
      ...of.byIndex('orphan', namespace),
    ];
    const podsSeen = dependents(inputs.pods);
    return {
      ...now,
      subject: set,
      nodes: inputs.nodes.list(),
      pods: podsSeen,
      revisions: {
        revisions: dependents(inputs.revisions),
        atName: inputs.revisions.get(`${namespace}/${wantedRevisionName(set)}`),
      },
      endedDueMs: dueTimes(set, podsSeen, inputs.failed, now.nowMs),
    };
  },
  reconcile,
  status: planStatus,
  explain,
});

export default plugin;
