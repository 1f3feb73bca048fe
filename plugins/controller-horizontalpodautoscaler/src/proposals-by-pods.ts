/** Proposals by what the pods themselves report. */
import { formatMilliQuantity, milliQuantity, type MetricStatus, type MetricTarget } from '@timonel/sdk/kube';
import { isRefusal, type MetricProblem, type Proposal, type Refusal } from './metric-problem.ts';
import { groupPods } from './pod-groups.ts';
import { replicasFromPods, type PodsProblem } from './ratio.ts';
import { podRequests } from './requests.ts';

type Values = ReadonlyMap<string, number>;
type Given = Pick<PodsProblem, 'current' | 'groups' | 'tolerance' | 'values'>;

interface Measured {
  readonly replicas: number;
  readonly averageMilli: number;
  readonly utilization?: number;
}

const sumOf = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);
const meanOf = (values: Values): number => Math.trunc(sumOf(values.values()) / values.size);

/** The part of the computation that is the same for all metrics of pods. */
function givenBy(problem: MetricProblem, isCpu: boolean): Given | Refusal {
  const { pods, config, nowMs, reading, specReplicas: current, tolerance } = problem;
  if (reading.of === 'nothing') return { refusal: reading.message };
  if (reading.of === 'total') return { refusal: 'a value of each pod is needed' };
  const { samples } = reading;
  if (pods.length === 0) return { refusal: 'no pods returned by selector while calculating replica count' };
  const groups = groupPods(pods, samples, { ...config, nowMs, isCpu });
  const values = new Map(groups.ready.map((name) => [name, samples.get(name)?.milli ?? 0]));
  if (values.size === 0) return { refusal: 'did not receive metrics for targeted pods (pods might be unready)' };
  return { current, groups, tolerance, values };
}

/** Each pod is to use `target`, in thousandths. */
function byAverage(problem: MetricProblem, target: number, isCpu: boolean): Measured | Refusal {
  const given = givenBy(problem, isCpu);
  if (isRefusal(given)) return given;
  const ratioOf = (values: Values): number => meanOf(values) / target;
  const replicas = replicasFromPods({ ...given, ratioOf, fullUse: () => target });
  return { replicas, averageMilli: meanOf(given.values) };
}

/** Each pod is to use `target` percent of what it requests. */
function byUtilization(
  problem: MetricProblem,
  target: number,
  resource: string,
  container: string | undefined,
): Measured | Refusal {
  const given = givenBy(problem, resource === 'cpu');
  if (isRefusal(given)) return given;
  const requests = podRequests(problem.pods, resource, container);
  if (isRefusal(requests)) return requests;
  const requestOf = (pod: string): number => requests.get(pod) ?? 0;
  const requestedBy = (values: Values): number => sumOf([...values.keys()].map(requestOf));
  if (requestedBy(given.values) === 0) return { refusal: 'no metrics returned matched known pods' };
  const utilizationOf = (values: Values): number => Math.trunc((sumOf(values.values()) * 100) / requestedBy(values));
  const fullPercent = Math.max(100, target);
  const replicas = replicasFromPods({
    ...given,
    ratioOf: (values) => utilizationOf(values) / target,
    fullUse: (pod) => Math.trunc((requestOf(pod) * fullPercent) / 100),
  });
  return { replicas, averageMilli: meanOf(given.values), utilization: utilizationOf(given.values) };
}

function prefixed<T extends object>(text: string, measured: T | Refusal): T | Refusal {
  return isRefusal(measured) ? { refusal: `${text}: ${measured.refusal}` } : measured;
}

function measureResource(
  problem: MetricProblem,
  name: string,
  container: string | undefined,
  target: MetricTarget,
): Measured | Refusal {
  const average = target.averageValue === undefined ? undefined : milliQuantity(target.averageValue);
  const { averageUtilization } = target;
  if (average !== undefined && average > 0)
    return prefixed(`failed to get ${name} usage`, byAverage(problem, average, name === 'cpu'));
  if (averageUtilization !== undefined && averageUtilization > 0)
    return prefixed(`failed to get ${name} utilization`, byUtilization(problem, averageUtilization, name, container));
  const text = 'neither an average utilization target nor an average value (usage) target was set';
  return { refusal: `invalid resource metric source: ${text}` };
}

export function proposeByResource(problem: MetricProblem): Proposal | Refusal {
  const { type, resource, containerResource } = problem.metric;
  const source = resource ?? containerResource;
  if (source === undefined) return { refusal: 'the metric does not say which resource it is about' };
  const { name, target } = source;
  const container = containerResource?.container;
  const measured = measureResource(problem, name, container, target);
  if (isRefusal(measured)) return measured;
  const { replicas, averageMilli, utilization } = measured;
  const current = {
    averageValue: formatMilliQuantity(averageMilli),
    ...(utilization === undefined ? {} : { averageUtilization: utilization }),
  };
  const status: MetricStatus =
    container === undefined
      ? { type, resource: { name, current } }
      : { type, containerResource: { name, container, current } };
  const what = container === undefined ? `${name} resource` : `${name} container resource`;
  return { replicas, name: utilization === undefined ? what : `${what} utilization (percentage of request)`, status };
}

export function proposeByPods(problem: MetricProblem): Proposal | Refusal {
  const { pods } = problem.metric;
  const target = milliQuantity(pods?.target.averageValue ?? '');
  if (pods === undefined || target === undefined || target <= 0)
    return { refusal: 'invalid pods metric source: no average value target was set' };
  const measured = byAverage(problem, target, false);
  if (isRefusal(measured)) return measured;
  const current = { averageValue: formatMilliQuantity(measured.averageMilli) };
  return {
    replicas: measured.replicas,
    name: `pods metric ${pods.metric.name}`,
    status: { type: 'Pods', pods: { metric: pods.metric, current } },
  };
}
