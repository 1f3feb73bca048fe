/** What keeps a daemon set from being as declared, for `timonel why`. */
import { podWait } from '@timonel/sdk/controller';
import type { Cause, NodeGroup } from '@timonel/sdk/contracts/why';
import { taintText } from '@timonel/sdk/scheduling';
import type { Pod } from '@timonel/sdk/kube';
import {
  assess,
  availableAtMs,
  hasEnded,
  isAvailable,
  isTerminating,
  type Assessment,
  type Observed,
  type Place,
} from './assess.ts';
import { isRolling } from './bounds.ts';

const component = 'controller-daemonset';

function groupOf(places: readonly Place[]): NodeGroup {
  return { count: places.length, names: places.map(({ name }) => name) };
}

function counted(places: readonly Place[]): string {
  return places.length === 1 ? 'one node' : `${places.length} nodes`;
}

/** What a node waits for: a code, a text, and what helps. Undefined: it has an available pod. */
function waitOf({ subject: set, nowMs }: Observed, { pods }: Place): Pick<Cause, 'code' | 'text'> | undefined {
  const living = pods.filter((pod) => !isTerminating(pod));
  if (living.some((pod) => isAvailable(set, pod, nowMs))) return undefined;
  const [pod] = living;
  if (pod === undefined && pods.length > 0) return { code: 'pod-terminating', text: 'the old pod is being deleted' };
  if (pod === undefined) return { code: 'pod-missing', text: 'no pod is made yet' };
  if (hasEnded(pod)) return { code: 'pod-failed', text: 'the pod has ended, and is replaced after a while' };
  if (availableAtMs(set, pod, nowMs) !== undefined)
    return { code: 'min-ready-seconds', text: 'the pod is ready, but not for minReadySeconds yet' };
  return podWait(pod);
}

function firstPod(places: readonly Place[]): Pod | undefined {
  return places.flatMap(({ pods }) => pods)[0];
}

function waits(observed: Observed, { places }: Assessment): Cause[] {
  const groups = new Map<string, { readonly text: string; readonly places: Place[] }>();
  for (const place of places) {
    if (!place.shouldRun) continue;
    const wait = waitOf(observed, place);
    if (wait === undefined) continue;
    const group = groups.get(wait.code) ?? { text: wait.text, places: [] };
    group.places.push(place);
    groups.set(wait.code, group);
  }
  return [...groups]
    .toSorted(([, a], [, b]) => b.places.length - a.places.length)
    .map(([code, { text, places: of }]): Cause => {
      const pod = firstPod(of)?.metadata.name;
      const unblock = pod === undefined ? {} : { unblock: `see timonel why pod ${pod}` };
      return { component, code, text: `${counted(of)}: ${text}`, nodes: groupOf(of), ...unblock };
    });
}

function nowhere({ places }: Assessment): Cause[] {
  if (places.length === 0) return [{ component, code: 'no-nodes', text: 'the cluster has no nodes' }];
  const tainted = places.filter(({ refusal }) => refusal !== undefined);
  const others = places.filter(({ refusal }) => refusal === undefined);
  const taints = [...new Set(tainted.flatMap(({ refusal }) => (refusal?.taints ?? []).map(taintText)))];
  return [
    ...(others.length === 0
      ? []
      : [
          {
            component,
            code: 'no-node-matches',
            text: `not matched by its node selector or affinity: ${counted(others)}`,
            nodes: groupOf(others),
          },
        ]),
    ...(tainted.length === 0
      ? []
      : [
          {
            component,
            code: 'untolerated-taint',
            text: `taints that it does not tolerate keep it from ${counted(tainted)}: ${taints.slice(0, 5).join(', ')}`,
            nodes: groupOf(tainted),
            unblock: `tolerate ${taints[0]}`,
          },
        ]),
  ];
}

function outdated({ subject: set }: Observed, { places, isUpToDate }: Assessment): Cause[] {
  const old = places.filter(({ shouldRun, pods }) => {
    const living = pods.filter((pod) => !isTerminating(pod));
    return shouldRun && living.length > 0 && !living.some(isUpToDate);
  });
  if (old.length === 0) return [];
  const text = `pods of an older template on ${counted(old)}`;
  if (isRolling(set)) return [{ component, code: 'rolling-out', text, nodes: groupOf(old) }];
  const unblock = `delete pod ${firstPod(old)?.metadata.name}`;
  return [
    { component, code: 'on-delete', text: `${text}, and the strategy is OnDelete`, nodes: groupOf(old), unblock },
  ];
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject: set } = observed;
  if (set.metadata.deletionTimestamp !== undefined)
    return [{ component, code: 'deleting', text: 'it is being deleted' }];
  const seen = assess(observed);
  if (seen.hash === undefined)
    return [{ component, code: 'name-collision', text: 'the name of its revision is taken: it takes another' }];
  const leaving = seen.places.filter(({ mayStay, pods }) => !mayStay && pods.length > 0);
  return [
    ...(seen.desired === 0 ? nowhere(seen) : waits(observed, seen)),
    ...outdated(observed, seen),
    ...(leaving.length === 0
      ? []
      : [
          {
            component,
            code: 'leaving-nodes',
            text: `pods are to go, for their nodes do not match any more: ${counted(leaving)}`,
            nodes: groupOf(leaving),
          },
        ]),
  ];
}
