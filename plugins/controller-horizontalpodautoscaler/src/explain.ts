/** What keeps an autoscaler from scaling, or from scaling as far as its metrics ask for. */
import { findCondition } from '@timonel/sdk/controller';
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Condition } from '@timonel/sdk/kube';
import type { Observed } from './observed.ts';

const component = 'controller-horizontalpodautoscaler';

/** What helps, by the reason of the condition. */
const remedies: Readonly<Record<string, string>> = {
  AmbiguousSelector: 'leave these pods to one autoscaler',
  FailedGetContainerResourceMetric:
    'check that the container requests the resource, and that kubectl top shows its pods',
  FailedGetExternalMetric: 'run a plugin that offers the metric, and check its name and selector',
  FailedGetObjectMetric: 'run a plugin that offers the metric, and check its name and the object',
  FailedGetPodsMetric: 'run a plugin that offers the metric, and check its name',
  FailedGetResourceMetric: 'check that all containers request the resource, and that kubectl top shows their pods',
  FailedGetScale: 'check spec.scaleTargetRef: it names kind, apiVersion and name of what is scaled',
  FailedUpdateScale: 'see why the target may not be changed; it is tried again',
  InvalidMetricSourceType: 'use one of the types Resource, ContainerResource, Pods, Object and External',
  InvalidSelector: 'give the target a selector of its pods',
  ScaleDownLimit: 'allow more in spec.behavior.scaleDown',
  ScaleDownStabilized: 'wait, or shorten spec.behavior.scaleDown.stabilizationWindowSeconds',
  ScaleUpLimit: 'allow more in spec.behavior.scaleUp',
  ScaleUpStabilized: 'wait, or shorten spec.behavior.scaleUp.stabilizationWindowSeconds',
  ScalingDisabled: 'scale the target to at least 1 replica',
  TooFewReplicas: 'lower spec.minReplicas',
  TooManyReplicas: 'raise spec.maxReplicas',
};
const stabilized: ReadonlySet<string> = new Set(['ScaleDownStabilized', 'ScaleUpStabilized']);

function causeOf({ reason = 'Unknown', message = '' }: Condition): Cause {
  const unblock = Object.hasOwn(remedies, reason) ? remedies[reason] : undefined;
  return { component, code: reason, text: message, ...(unblock === undefined ? {} : { unblock }) };
}

export function explain({ subject }: Observed): readonly Cause[] {
  const conditions = subject.status?.conditions;
  const [able, active, limited] = ['AbleToScale', 'ScalingActive', 'ScalingLimited'].map((type) =>
    findCondition(conditions, type),
  );
  if (able === undefined) return [{ component, code: 'NotEvaluated', text: 'it has not been looked at yet' }];
  const found = [
    able.status === 'False' || stabilized.has(able.reason ?? '') ? able : undefined,
    active?.status === 'False' ? active : undefined,
    // Of a time when it was active.
    limited?.status === 'True' && active?.status === 'True' ? limited : undefined,
  ];
  return found.flatMap((condition) => (condition === undefined ? [] : causeOf(condition)));
}
