import { act, type Action, type Outcome, type Reconciliation } from '@timonel/sdk/controller';
import { horizontalPodAutoscalers } from '@timonel/sdk/kube';
import { windowOf } from './behavior.ts';
import { decide, type Decision, type Warning } from './decide.ts';
import { isToldAgain, remembered, type Memory } from './memory.ts';
import { isRefusal } from './metric-problem.ts';
import type { Observed } from './observed.ts';

const idOf = ({ reason, message }: Warning): string => `${reason} ${message}`;

/** Those that were not told a short time ago. */
function news({ memory, monotonicMs }: Observed, { warnings }: Decision): Warning[] {
  return warnings.filter((warning) => isToldAgain(memory, idOf(warning), monotonicMs));
}

function rescaleAction({ sight }: Observed, rescale: NonNullable<Decision['rescale']>): Action[] {
  if (sight === undefined || isRefusal(sight)) return [];
  const { type, object, specReplicas } = sight.target;
  const { replicas, reason } = rescale;
  const text = `New size: ${replicas}; reason: ${reason}`;
  // Refused when somebody else has scaled meanwhile, and not when the status has changed.
  const patch = {
    type: 'json',
    body: [
      { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
      { op: 'test', path: '/spec/replicas', value: specReplicas },
      { op: 'replace', path: '/spec/replicas', value: replicas },
    ],
  } as const;
  const action = act.patch(type, object, patch, {
    subresource: 'scale',
    cause: {
      code: replicas > specReplicas ? 'ScaleUp' : 'ScaleDown',
      text: `from ${specReplicas} to ${replicas} replicas: ${reason}`,
    },
    event: {
      reason: 'SuccessfulRescale',
      message: text,
      failure: { reason: 'FailedRescale', message: `${text}; error: ` },
    },
  });
  return [action];
}

/** Tells what is wrong, and scales the target. */
export function reconcile(observed: Observed): Reconciliation {
  const decision = decide(observed);
  if (decision === undefined) return { actions: [], requeueAfterMs: observed.waitMs };
  const told = news(observed, decision).map(({ reason, message }) =>
    act.event(horizontalPodAutoscalers, { reason, message, kind: 'Warning' }, { code: reason, text: message }),
  );
  const scaled = decision.rescale === undefined ? [] : rescaleAction(observed, decision.rescale);
  return { actions: [...told, ...scaled], requeueAfterMs: observed.config.syncPeriodMs };
}

/** What the autoscaler knows of the past after this pass. */
export function memoryAfter(observed: Observed, { failure }: Pick<Outcome, 'failure'>): Memory {
  const { subject, sight, memory, monotonicMs, config } = observed;
  const decision = decide(observed);
  if (decision === undefined) return memory;
  return remembered(memory, {
    nowMs: monotonicMs,
    uid: subject.metadata.uid ?? '',
    spec: subject.spec,
    selector: sight === undefined || isRefusal(sight) ? undefined : sight.selector,
    windowMs: windowOf(subject.spec, config),
    currentReplicas: decision.currentReplicas,
    recommendation: decision.recommendation,
    scaledTo: failure === undefined ? decision.rescale?.replicas : undefined,
    told: news(observed, decision).map(idOf),
    done: failure === undefined,
  });
}
