/** The zone with the fewest pods of the kind first, and in it the node with the fewest. */
import {
  nodeTopology,
  skip,
  success,
  type NodeBatch,
  type PodClass,
  type PodInfo,
  type PodMatcher,
  type SchedulingPlugin,
} from '@timonel/sdk/contracts/scheduler';
import { podMatcher } from '@timonel/sdk/scheduling';

const zoneLabel = 'topology.kubernetes.io/zone';

/** Labels by which pods of one workload differ. */
const ofSinglePods: ReadonlySet<string> = new Set([
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/job-completion-index',
]);

/** The pods of its workload; when none is known, those of its namespace that have all its labels. */
function kindOf({ spread, namespace, labels }: PodClass): PodMatcher {
  const [workload] = spread;
  if (workload !== undefined) return workload.matcher;
  const matchLabels = Object.fromEntries(Object.entries(labels).filter(([key]) => !ofSinglePods.has(key)));
  return podMatcher({ labelSelector: { matchLabels }, namespaces: [namespace] });
}

const kinds = new WeakMap<PodClass, PodMatcher>();

function knownKindOf(pod: PodClass): PodMatcher {
  const known = kinds.get(pod) ?? kindOf(pod);
  kinds.set(pod, known);
  return known;
}

/** Such pods say themselves over what they are to be spread. */
function spreadsItself({ spread }: PodClass): boolean {
  return spread.some(({ isDefault, whenUnsatisfiable }) => !isDefault && whenUnsatisfiable === 'ScheduleAnyway');
}

function score({ class: pod }: PodInfo, { rows, count, view }: NodeBatch, scores: Float64Array): void {
  const kind = knownKindOf(pod);
  const { ofRow } = view.domains(zoneLabel);
  const inZone = view.matching(kind, zoneLabel, false);
  const onNode = view.matching(kind, nodeTopology, false);
  const withoutZone = inZone.total - inZone.inDomains;
  let most = 0;
  for (let at = 0; at < count; at += 1) most = Math.max(most, onNode.of(rows[at] as number));
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const zone = ofRow[row] as number;
    scores[row] = (zone < 0 ? withoutZone : inZone.of(zone)) * (most + 1) + onNode.of(row);
  }
}

/** The fewest become 100, the most 0. */
function normalize(scores: Float64Array, { rows, count }: NodeBatch): void {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (let at = 0; at < count; at += 1) {
    const value = scores[rows[at] as number] as number;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    scores[row] = max === min ? 100 : (100 * (max - (scores[row] as number))) / (max - min);
  }
}

export function evenSpread(): SchedulingPlugin {
  return {
    name: 'EvenSpread',
    scoreScope: 'cluster',
    preScore: ({ class: pod }) => ({ status: spreadsItself(pod) ? skip : success }),
    score,
    normalize,
  };
}
