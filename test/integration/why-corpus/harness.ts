/** Brings a seeded fault about with the real scheduler, queue and log, and asks why its first pod waits. */
import { success, type Decision, type PodInfo, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import type { Why } from '@timonel/sdk/contracts/why';
import {
  defaultProfile,
  frameworkScheduler,
  listSnapshot,
  listedObjects,
  PodClasses,
  pluginRegistry,
  type FrameworkScheduler,
} from '@timonel/sdk/scheduling';
import { manualEnv } from '@timonel/testkit';
import { DecisionLog } from '../../../plugins/scheduler-host/src/decision/decision-log.ts';
import { PodQueue } from '../../../plugins/scheduler-host/src/queue/pod-queue.ts';
import { byPriority, gatesOf } from '../../../plugins/scheduler-host/src/queue/waiting-pod.ts';
import { AttemptFailures } from '../../../plugins/scheduler-host/src/why/attempt-failures.ts';
import { PodExplainer } from '../../../plugins/scheduler-host/src/why/pod-explainer.ts';
import { node, type Fault } from './fault.ts';

const broken: SchedulingPlugin = {
  name: 'Broken',
  filter: () => {
    throw new Error('out of order');
  },
};
const doorman: SchedulingPlugin = { name: 'Doorman', permit: () => ({ code: 'unschedulable', reason: 'not today' }) };

function schedulerFor({ circumstance }: Fault, env: ReturnType<typeof manualEnv>): FrameworkScheduler {
  const more = circumstance === 'throwing-plugin' ? [broken] : circumstance === 'refused' ? [doorman] : [];
  return frameworkScheduler({
    registry: pluginRegistry(more.map((plugin) => [plugin.name, () => plugin])),
    profiles: [defaultProfile({ plugins: more.map(({ name }) => ({ name })) })],
    timers: env.timers,
  });
}

interface Bench {
  readonly fault: Fault;
  readonly env: ReturnType<typeof manualEnv>;
  readonly scheduler: FrameworkScheduler;
  readonly classes: PodClasses;
  readonly queue: PodQueue;
  readonly log: DecisionLog;
  readonly failures: AttemptFailures;
  readonly waitingForVictims: Set<string>;
}

function snapshotOf({ fault, classes }: Bench, later = false) {
  const placed = (fault.placed ?? []).map((pod) => classes.infoOf(pod));
  const nodes = later && fault.circumstance === 'room-comes' ? [...fault.nodes, node('fresh')] : fault.nodes;
  return listSnapshot(
    nodes,
    (name) => placed.filter(({ pod }) => pod.spec.nodeName === name),
    listedObjects(fault.objects),
  );
}

async function followUp(bench: Bench, pod: PodInfo, decision: Decision): Promise<void> {
  const { queue, scheduler, failures, waitingForVictims, fault, env } = bench;
  const waiting = queue.get(pod.uid);
  if (waiting === undefined) return;
  const now = env.clock.monotonic();
  if (decision.outcome === 'unschedulable' || decision.outcome === 'preempt') {
    if (decision.outcome === 'preempt') waitingForVictims.add(pod.uid);
    queue.failed(waiting, { why: 'unschedulable', plugins: decision.rejections.map(({ plugin }) => plugin) }, now);
    return;
  }
  queue.failed(waiting, { why: 'error' }, now);
  if (decision.outcome !== 'bind') return;
  const { nodeName } = decision;
  const admission = await scheduler.traits.admit?.(pod, nodeName, new AbortController().signal);
  if (admission?.outcome === 'refused') {
    const { plugin, reason: message } = admission;
    failures.bindingLost(pod, nodeName, { what: 'refused', plugin, message });
  } else if (fault.circumstance === 'binding-fails') {
    failures.bindingLost(pod, nodeName, { what: 'failed', error: new Error('the store is full') });
  }
}

async function decideAll(bench: Bench): Promise<void> {
  const { queue, scheduler, log, env, fault } = bench;
  if (fault.circumstance === 'no-scheduler') return;
  const batch = queue.take(100, env.clock.monotonic());
  if (batch.length === 0) return;
  const snapshot = snapshotOf(bench);
  const decisions = await scheduler.decide(
    batch.map(({ pod }) => pod),
    snapshot,
  );
  for (const [at, decision] of decisions.entries()) {
    const pod = batch[at]?.pod;
    if (pod === undefined) continue;
    const context = { at: env.clock.timestamp(), scheduler: 'scheduler-default', nodeCount: snapshot.nodeCount };
    log.add(pod, decision, context);
    await followUp(bench, pod, decision);
  }
}

function explainerOf(bench: Bench): PodExplainer {
  const { fault, env, scheduler, classes, queue, log, failures, waitingForVictims } = bench;
  const snapshot = snapshotOf(bench, true);
  return new PodExplainer({
    clock: env.clock,
    snapshot,
    podNamed: async (namespace, name) =>
      fault.pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
    nodeNamed: (name) => fault.nodes.find(({ metadata }) => metadata.name === name),
    infoOf: (pod) => classes.infoOf(pod),
    waiting: (uid) => queue.get(uid),
    decisionsOf: (uid) => log.ofPod(uid),
    failureOf: (uid) => failures.of(uid),
    waitsForVictims: (uid) => waitingForVictims.has(uid),
    assumedNode: () => undefined,
    inCharge: () =>
      fault.circumstance === 'no-scheduler'
        ? undefined
        : { name: 'scheduler-default', service: scheduler, profiles: new Set(scheduler.traits.profiles?.()) },
    externalNamed: (name) => (name === 'batch-scheduler' ? { name, hint: 'ask the batch team' } : undefined),
    leads: () => true,
  });
}

export async function explainFault(fault: Fault): Promise<Why> {
  const env = manualEnv();
  const scheduler = schedulerFor(fault, env);
  const { traits } = scheduler;
  const bench: Bench = {
    fault,
    env,
    scheduler,
    classes: new PodClasses(),
    queue: new PodQueue({
      compare: byPriority,
      preEnqueue: (pod) => (gatesOf(pod).code === 'success' ? (traits.preEnqueue?.(pod) ?? success) : gatesOf(pod)),
      requeueHints: (plugin) => traits.requeueHints?.(plugin),
    }),
    log: new DecisionLog(),
    failures: new AttemptFailures(env.clock),
    waitingForVictims: new Set(),
  };
  for (const pod of fault.pods) {
    const info = bench.classes.infoOf(pod);
    const isTaken = traits.profiles?.().includes(info.class.schedulerName) === true;
    if (isTaken && pod.metadata.deletionTimestamp === undefined) bench.queue.put(info, env.clock.monotonic());
  }
  await decideAll(bench);
  const [asked] = fault.pods;
  const { namespace = '', name = '' } = asked?.metadata ?? {};
  const why = await explainerOf(bench).explain({ group: '', resource: 'pods', namespace, name });
  if (why === undefined) throw new Error(`nobody knows the pod ${name}`);
  return why;
}
