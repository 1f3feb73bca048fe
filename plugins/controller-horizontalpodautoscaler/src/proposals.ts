/** What one metric of an autoscaler asks for: a count of replicas, or why it has none. */
import type { MetricSpec } from '@timonel/sdk/kube';
import { isRefusal, type MetricProblem, type Proposal, type Refusal } from './metric-problem.ts';
import { proposeByPods, proposeByResource } from './proposals-by-pods.ts';
import { proposeByExternal, proposeByObject } from './proposals-by-total.ts';

export interface MetricFailure {
  /** Of the condition and the event. */
  readonly reason: string;
  /** What the event says. */
  readonly cause: string;
  /** Which metric it was, and what `cause` says. */
  readonly message: string;
}

export type Proposed = { readonly proposal: Proposal } | { readonly failure: MetricFailure };

interface Source {
  readonly reason: string;
  readonly propose: (problem: MetricProblem) => Proposal | Refusal;
  readonly what: (metric: MetricSpec) => string;
}

const sources: Readonly<Record<string, Source>> = {
  Resource: {
    reason: 'FailedGetResourceMetric',
    propose: proposeByResource,
    what: ({ resource }) => `${resource?.name} resource metric value`,
  },
  ContainerResource: {
    reason: 'FailedGetContainerResourceMetric',
    propose: proposeByResource,
    what: ({ containerResource }) => `${containerResource?.name} container metric value`,
  },
  Pods: { reason: 'FailedGetPodsMetric', propose: proposeByPods, what: () => 'pods metric value' },
  Object: { reason: 'FailedGetObjectMetric', propose: proposeByObject, what: () => 'object metric value' },
  External: {
    reason: 'FailedGetExternalMetric',
    propose: proposeByExternal,
    what: ({ external }) => `${external?.metric.name} external metric value`,
  },
};

export function propose(problem: MetricProblem): Proposed {
  const { metric } = problem;
  const source = Object.hasOwn(sources, metric.type) ? sources[metric.type] : undefined;
  if (source === undefined) {
    const message = `unknown metric source type ${JSON.stringify(metric.type)}`;
    return { failure: { reason: 'InvalidMetricSourceType', cause: message, message } };
  }
  const proposed = source.propose(problem);
  if (!isRefusal(proposed)) return { proposal: proposed };
  const { reason, what } = source;
  const cause = proposed.refusal;
  return { failure: { reason, cause, message: `failed to get ${what(metric)}: ${cause}` } };
}
