/** What keeps a stateful set from being as declared, for `timonel why`. */
import { podWait, timestampMs } from '@timonel/sdk/controller';
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Pod, StatefulSet } from '@timonel/sdk/kube';
import {
  assess,
  availableAtMs,
  hasEnded,
  isAvailable,
  isOrdered,
  isRolling,
  isTerminating,
  ownerText,
  partitionOf,
  type Assessment,
  type Observed,
  type Slot,
} from './assess.ts';
import { leavingClaim } from './claims.ts';
import { revisionOfPod } from './identity.ts';
import { waitsFor } from './scale-down.ts';

const component = 'controller-statefulset';
const cause = (code: string, text: string, more: Partial<Cause> = {}): Cause => ({ component, code, text, ...more });

const counted = (count: number): string => (count === 1 ? 'one pod' : `${count} pods`);

function seconds(fromMs: number, toMs: number): string {
  return `${Math.max(0, Math.ceil((toMs - fromMs) / 1000))} s`;
}

function ofPod({ subject: set, nowMs, failedDueMs }: Observed, pod: Pod, name: string): Cause {
  if (isTerminating(pod)) {
    const since = timestampMs(pod.metadata.deletionTimestamp);
    const overdue = since !== undefined && since < nowMs;
    const unblock = `look at node ${pod.spec.nodeName ?? ''}: ${name} should be gone by now`;
    const text = `${name} is being deleted: the next of its name is made when it is gone`;
    return cause('pod-terminating', text, overdue ? { unblock } : {});
  }
  if (hasEnded(pod)) {
    const dueMs = failedDueMs.get(pod.metadata.uid ?? '') ?? nowMs;
    return cause(
      'pod-failed',
      `${name} has ended (${pod.status?.reason ?? pod.status?.phase}): it is replaced in ${seconds(nowMs, dueMs)}`,
    );
  }
  const atMs = availableAtMs(set, pod, nowMs);
  if (atMs !== undefined)
    return cause('min-ready-seconds', `${name} is ready, and counts as available in ${seconds(nowMs, atMs)}`);
  const wait = podWait(pod);
  const text = `${name} is not ready: ${wait?.text ?? pod.status?.phase}`;
  return cause(wait?.code ?? 'NotReady', text, { unblock: `see timonel why pod ${name}` });
}

function ofSlot(observed: Observed, slot: Slot): Cause | undefined {
  const { subject: set, claims, nowMs } = observed;
  const { pod, stranger, name, ordinal } = slot;
  if (pod !== undefined) return isAvailable(set, pod, nowMs) ? undefined : ofPod(observed, pod, name);
  if (stranger !== undefined) {
    const text = `a pod ${name} is there that the set does not own (${ownerText(stranger)} does)`;
    return cause('name-taken', text, { unblock: `delete pod ${name}` });
  }
  const claim = leavingClaim(set, ordinal, undefined, claims);
  if (claim !== undefined)
    return cause('claim-terminating', `${name} waits until the old claim ${claim.metadata.name} is gone`);
  return cause('pod-missing', `${name} is not made yet`);
}

function ofRollOut(set: StatefulSet, { replicas, update }: Assessment): Cause[] {
  const old = replicas.filter(({ pod }) => pod !== undefined && revisionOfPod(pod) !== update?.name);
  if (old.length === 0 || update === undefined) return [];
  const names = old.map(({ name }) => name);
  if (!isRolling(set)) {
    const text = `older revisions have ${counted(names.length)}, and the strategy is OnDelete`;
    return [cause('on-delete', text, { detail: { pods: names }, unblock: `delete pod ${names.at(-1)}` })];
  }
  const held = old.filter(({ ordinal }) => ordinal < partitionOf(set));
  const causes: Cause[] = [];
  if (held.length < old.length) {
    const text = `revision ${update.name} is to replace ${counted(old.length - held.length)}`;
    causes.push(cause('rolling-out', text, { detail: { pods: names } }));
  }
  if (held.length > 0) {
    const text = `the partition keeps ${counted(held.length)} at older revisions`;
    causes.push(cause('partition', text, { unblock: 'lower spec.updateStrategy.rollingUpdate.partition' }));
  }
  return causes;
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject: set } = observed;
  if (set.metadata.deletionTimestamp !== undefined) return [cause('deleting', 'it is being deleted')];
  const seen = assess(observed);
  if (seen.update === undefined)
    return [cause('name-collision', 'the name of its revision is taken: it takes another')];
  const causes = seen.replicas.flatMap((slot) => ofSlot(observed, slot) ?? []);
  // In order only the first one is worked on: it is the root cause of those behind it.
  const [first] = causes;
  const behind =
    isOrdered(set) && first !== undefined && causes.length > 1 ? [{ ...first, next: causes[1]?.text ?? '' }] : causes;
  const blocker = waitsFor(observed, seen);
  const shrinking = seen.condemned.length;
  return [
    ...behind,
    ...(blocker === undefined
      ? []
      : [
          cause('scale-down-halted', `${blocker.name} is not ready: pods above it stay until it is`, {
            unblock: `see timonel why pod ${blocker.name}`,
          }),
        ]),
    ...(shrinking > 0 ? [cause('scaling-down', `beyond the wanted replicas: ${counted(shrinking)}`)] : []),
    ...ofRollOut(set, seen),
  ];
}
