import type { TableColumn, TableContext } from '@timonel/sdk/contracts/api-server';
import type { Pod, PodContainerStatus } from '@timonel/sdk/kube';
import { ageColumn, column, nameColumn, orNone, none, wideColumn } from '../table/columns.ts';
import { age, humanDuration, parseTimestamp } from '../table/time.ts';
import { isObject, itemsOf, numberOf, objectOf, textOf } from '../validation/loose.ts';

export const podColumns: readonly TableColumn[] = [
  nameColumn,
  column('Ready', 'The number of ready containers of all containers in the pod.'),
  column('Status', 'What the pod is doing, or why it is not.'),
  column('Restarts', 'How often containers of the pod were restarted, and when the last time.'),
  ageColumn,
  wideColumn('IP', 'The address of the pod.'),
  wideColumn('Node', 'The node the pod is bound to.'),
  wideColumn('Nominated Node', 'The node on which the scheduler makes room for the pod.'),
  wideColumn('Readiness Gates', 'The number of fulfilled readiness gates of all readiness gates.'),
];

/** What a walk over container statuses has found. */
interface Tally {
  reason: string;
  ready: number;
  restarts: number;
  lastRestartMs: number | undefined;
}

type Status = Partial<PodContainerStatus>;

function statuses(list: readonly PodContainerStatus[] | undefined): Status[] {
  return itemsOf(list).map((item) => objectOf(item));
}

function countRestarts(tally: Tally, status: Status): void {
  tally.restarts += typeof status.restartCount === 'number' ? status.restartCount : 0;
  const finishedMs = parseTimestamp(objectOf(objectOf(status.lastState).terminated).finishedAt);
  if (finishedMs === undefined) return;
  if (tally.lastRestartMs === undefined || finishedMs > tally.lastRestartMs) tally.lastRestartMs = finishedMs;
}

function endReason(status: Status): string {
  const { reason, signal, exitCode } = objectOf(objectOf(status.state).terminated);
  if (textOf(reason) !== '') return textOf(reason);
  return typeof signal === 'number' && signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberOf(exitCode) ?? 0}`;
}

/** The reason an init container gives for the pod not having begun; undefined when it is past that. */
function initReason(status: Status, restartable: boolean, index: number, total: number): string | undefined {
  const { waiting, terminated } = objectOf(status.state);
  if (isObject(terminated) && terminated['exitCode'] === 0) return undefined;
  if (restartable && status.started === true) return undefined;
  if (isObject(terminated)) return `Init:${endReason(status)}`;
  const waitingReason = textOf(objectOf(waiting).reason);
  if (waitingReason !== '' && waitingReason !== 'PodInitializing') return `Init:${waitingReason}`;
  return `Init:${index}/${total}`;
}

interface InitWalk {
  readonly all: Tally;
  /** Of sidecars only: what counts once the pod has begun. */
  readonly sidecars: Tally;
  readonly initializing: boolean;
  readonly sidecarCount: number;
}

function walkInit(pod: Pod, reason: string): InitWalk {
  const containers = itemsOf(objectOf(pod.spec).initContainers).map((item) => objectOf(item));
  const restartable = new Set(containers.filter((one) => one.restartPolicy === 'Always').map((one) => one.name));
  const all: Tally = { reason, ready: 0, restarts: 0, lastRestartMs: undefined };
  const sidecars: Tally = { reason, ready: 0, restarts: 0, lastRestartMs: undefined };
  for (const [index, status] of statuses(objectOf(pod.status).initContainerStatuses).entries()) {
    const sidecar = restartable.has(status.name);
    countRestarts(all, status);
    if (sidecar) countRestarts(sidecars, status);
    const blocked = initReason(status, sidecar, index, containers.length);
    if (blocked !== undefined) {
      all.reason = blocked;
      sidecars.reason = blocked;
      return { all, sidecars, initializing: true, sidecarCount: restartable.size };
    }
    const ended = isObject(objectOf(status.state).terminated);
    if (sidecar && !ended && status.ready === true) {
      all.ready += 1;
      sidecars.ready += 1;
    }
  }
  return { all, sidecars, initializing: false, sidecarCount: restartable.size };
}

function hasTrueCondition(pod: Pod, type: string): boolean {
  return itemsOf(objectOf(pod.status).conditions).some((item) => {
    const condition = objectOf(item);
    return condition.type === type && condition.status === 'True';
  });
}

function walkContainers(pod: Pod, tally: Tally): void {
  let running = false;
  for (const status of statuses(objectOf(pod.status).containerStatuses).reverse()) {
    countRestarts(tally, status);
    const { waiting, terminated, running: runs } = objectOf(status.state);
    const waitingReason = textOf(objectOf(waiting).reason);
    if (waitingReason !== '') tally.reason = waitingReason;
    else if (isObject(terminated)) tally.reason = endReason(status);
    else if (status.ready === true && isObject(runs)) {
      running = true;
      tally.ready += 1;
    }
  }
  if (tally.reason === 'Completed' && running) tally.reason = hasTrueCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}

function ownReason(pod: Pod): string {
  const status = objectOf(pod.status);
  const gated = itemsOf(status.conditions).some((item) => {
    const condition = objectOf(item);
    return condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated';
  });
  return gated ? 'SchedulingGated' : textOf(status.reason) || textOf(status.phase);
}

function deletionReason(pod: Pod, reason: string): string {
  const { phase, reason: statusReason } = objectOf(pod.status);
  if (!pod.metadata.deletionTimestamp) return reason;
  if (statusReason === 'NodeLost') return 'Unknown';
  return phase === 'Failed' || phase === 'Succeeded' ? reason : 'Terminating';
}

function restartsText(tally: Tally, context: TableContext): string {
  if (tally.restarts === 0 || tally.lastRestartMs === undefined) return String(tally.restarts);
  return `${tally.restarts} (${humanDuration(context.now - tally.lastRestartMs)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = itemsOf(objectOf(pod.spec).readinessGates);
  if (gates.length === 0) return none;
  const met = gates.filter((gate) => hasTrueCondition(pod, textOf(objectOf(gate).conditionType)));
  return `${met.length}/${gates.length}`;
}

function podAddress(pod: Pod): string {
  const status = objectOf(pod.status);
  return orNone(textOf(objectOf(itemsOf(status.podIPs)[0]).ip) || status.podIP);
}

export function podCells(pod: Pod, context: TableContext): string[] {
  const spec = objectOf(pod.spec);
  const init = walkInit(pod, ownReason(pod));
  const begun = !init.initializing || hasTrueCondition(pod, 'Initialized');
  const tally = begun ? init.sidecars : init.all;
  if (begun) walkContainers(pod, tally);
  return [
    textOf(pod.metadata.name),
    `${tally.ready}/${itemsOf(spec.containers).length + init.sidecarCount}`,
    deletionReason(pod, tally.reason),
    restartsText(tally, context),
    age(pod, context),
    podAddress(pod),
    orNone(spec.nodeName),
    orNone(objectOf(pod.status).nominatedNodeName),
    readinessGates(pod),
  ];
}
