import { setCondition, type Outcome, type StatusPlan } from '@timonel/sdk/controller';
import type { Condition, HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus } from '@timonel/sdk/kube';
import { decide, type Decision, type NewCondition } from './decide.ts';
import type { Observed } from './observed.ts';

const able = (status: 'True' | 'False', reason: string, message: string): NewCondition => ({
  type: 'AbleToScale',
  status,
  reason,
  message,
});

/** What became of the rescale. */
function carriedOut({ rescale }: Decision, failure: Outcome['failure']): NewCondition[] {
  if (failure !== undefined)
    return [
      able(
        'False',
        'FailedUpdateScale',
        `the HPA controller was unable to update the target scale: ${failure.message}`,
      ),
    ];
  if (rescale === undefined) return [];
  const text = `the HPA controller was able to update the target scale to ${rescale.replicas}`;
  return [able('True', 'SucceededRescale', text)];
}

/** The decision, and what came of it. */
export function statusAfter(
  observed: Observed,
  { failure }: Pick<Outcome, 'failure'>,
): StatusPlan<HorizontalPodAutoscaler> | undefined {
  const decision = decide(observed);
  if (decision === undefined) return undefined;
  const { subject, timestamp } = observed;
  const before = subject.status;
  let conditions: Condition[] = [...(before?.conditions ?? [])];
  for (const one of [...decision.conditions, ...carriedOut(decision, failure)])
    conditions = setCondition(conditions, one, timestamp);
  const { currentReplicas, desiredReplicas, metrics, rescale } = decision;
  const isDone = failure === undefined;
  const status: HorizontalPodAutoscalerStatus = {
    ...before,
    desiredReplicas: (isDone ? desiredReplicas : undefined) ?? before?.desiredReplicas ?? 0,
    conditions,
    ...(subject.metadata.generation === undefined ? {} : { observedGeneration: subject.metadata.generation }),
    ...(currentReplicas === undefined ? {} : { currentReplicas }),
    ...(metrics === undefined ? {} : { currentMetrics: metrics.length === 0 ? null : [...metrics] }),
    ...(isDone && rescale !== undefined ? { lastScaleTime: timestamp } : {}),
  };
  return { status };
}
