/** Proposals by a value that is not the pods' own: of another object, or of something outside of the cluster. */
import {
  formatLabelSelector,
  formatMilliQuantity,
  fromLabelSelector,
  milliQuantity,
  type MetricIdentifier,
  type MetricTarget,
} from '@timonel/sdk/kube';
import { isRefusal, type MetricProblem, type Proposal, type Refusal } from './metric-problem.ts';
import { readyPodCount } from './pod-groups.ts';
import { replicasFromShare, replicasFromTotal } from './ratio.ts';

interface Measured {
  readonly replicas: number;
  readonly current: { readonly value?: string; readonly averageValue?: string };
}

const positive = (text: string | undefined): number | undefined => {
  const milli = text === undefined ? undefined : milliQuantity(text);
  return milli !== undefined && milli > 0 ? milli : undefined;
};

function byValue(
  { pods, specReplicas: current, tolerance }: MetricProblem,
  usage: number,
  target: number,
): Measured | Refusal {
  if (pods.length === 0 && current > 0) {
    const text = 'no pods returned by selector while calculating replica count';
    return { refusal: `unable to calculate ready pods: ${text}` };
  }
  const readyPods = readyPodCount(pods);
  return {
    replicas: replicasFromTotal({ current, tolerance, ratio: usage / target, readyPods }),
    current: { value: formatMilliQuantity(usage) },
  };
}

function byShare({ statusReplicas, tolerance }: MetricProblem, usage: number, target: number): Measured {
  const share = statusReplicas > 0 ? usage / statusReplicas : usage;
  return {
    replicas: replicasFromShare(usage, target, statusReplicas, tolerance),
    current: { averageValue: formatMilliQuantity(share) },
  };
}

function measure(problem: MetricProblem, target: MetricTarget, source: string): Measured | Refusal {
  const { reading } = problem;
  if (reading.of === 'nothing') return { refusal: reading.message };
  if (reading.of === 'pods') return { refusal: 'one value is needed' };
  const average = positive(target.averageValue);
  const value = positive(target.value);
  if (value !== undefined && (target.type === 'Value' || average === undefined))
    return byValue(problem, reading.milli, value);
  if (average !== undefined) return byShare(problem, reading.milli, average);
  const text = 'neither a value target nor an average value target was set';
  return { refusal: `invalid ${source} metric source: ${text}` };
}

export function proposeByObject(problem: MetricProblem): Proposal | Refusal {
  const { object } = problem.metric;
  if (object === undefined) return { refusal: 'the metric does not say which object it is about' };
  const { describedObject, metric, target } = object;
  const measured = measure(problem, target, 'object');
  if (isRefusal(measured)) return measured;
  const { replicas, current } = measured;
  const status = { type: 'Object', object: { describedObject, metric, current } };
  return { replicas, name: `${describedObject.kind} metric ${metric.name}`, status };
}

function shown({ name, selector }: MetricIdentifier): string {
  return selector === undefined ? name : `${name}(${formatLabelSelector(fromLabelSelector(selector))})`;
}

export function proposeByExternal(problem: MetricProblem): Proposal | Refusal {
  const { external } = problem.metric;
  if (external === undefined) return { refusal: 'the metric does not say what it is about' };
  const { metric, target } = external;
  const measured = measure(problem, target, 'external');
  if (isRefusal(measured)) return measured;
  const { replicas, current } = measured;
  const status = { type: 'External', external: { metric, current } };
  return { replicas, name: `external metric ${shown(metric)}`, status };
}
