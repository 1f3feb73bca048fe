/** Whether a disruption budget lets a pod go. Source: the eviction API of Kubernetes and KEP-3017 (unhealthy pods). */
import { findCondition, isPodReady, setCondition } from '@timonel/sdk/controller';
import {
  ApiError,
  disruptionAllowed,
  fromLabelSelector,
  matchesSelector,
  type Pod,
  type PodDisruptionBudget,
} from '@timonel/sdk/kube';

/** Evictions that the controller of budgets has yet to see: beyond it, it is not running, or far behind. */
const disruptedPodsLimit = 2000;
/** When the controller of budgets should have looked at a change. */
const unseenRetrySeconds = 10;

/** Its end harms nobody: it has no running containers as yet or any more, or goes anyway. */
export function needsNoBudget({ metadata, status }: Pod): boolean {
  const phase = status?.phase;
  const runs = phase !== 'Pending' && phase !== 'Succeeded' && phase !== 'Failed';
  return !runs || metadata.deletionTimestamp !== undefined;
}

/** The budget of the pod. @throws ApiError when there are several: whose allowance would be used is not defined */
export function budgetOf(pod: Pod, budgets: readonly PodDisruptionBudget[]): PodDisruptionBudget | undefined {
  const matching = budgets.filter(({ spec }) => {
    return spec?.selector !== undefined && matchesSelector(fromLabelSelector(spec.selector), pod.metadata.labels);
  });
  if (matching.length > 1) {
    const names = matching.map(({ metadata }) => metadata.name ?? '').sort((a, b) => (a < b ? -1 : 1));
    throw new ApiError(
      'InternalError',
      `pod ${pod.metadata.name} has ${matching.length} disruption budgets (${names.join(', ')}): it can be evicted when one selects it`,
    );
  }
  return matching[0];
}

/** A pod that is not ready does not count as healthy: its end uses up nothing of the budget. */
export function mayGoUnready(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isPodReady(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function tooMany(message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError('TooManyRequests', 'the pod cannot be evicted now: its disruption budget does not allow it', {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function whyNone({ metadata, status }: PodDisruptionBudget): string {
  const condition = findCondition(status?.conditions, disruptionAllowed);
  if (condition?.status === 'False' && condition.reason === 'SyncFailed') {
    return `what the disruption budget ${metadata.name} allows is not known: ${condition.message}`;
  }
  const { desiredHealthy = 0, currentHealthy = 0 } = status ?? {};
  return `the disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} now`;
}

/** Uses up one disruption, in place. @throws ApiError TooManyRequests, Forbidden */
export function useBudget(budget: PodDisruptionBudget, podName: string, timestamp: string): void {
  const { metadata, status } = budget;
  if (status === undefined || (status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    throw tooMany(
      `the disruption budget ${metadata.name} was changed, and nobody has looked at it since`,
      unseenRetrySeconds,
    );
  }
  if (status.disruptionsAllowed < 0) {
    throw new ApiError('Forbidden', `status.disruptionsAllowed of the disruption budget ${metadata.name} is negative`);
  }
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsLimit) {
    throw new ApiError(
      'Forbidden',
      `the disruption budget ${metadata.name} has more than ${disruptedPodsLimit} evictions that its controller has not seen: check that it runs`,
    );
  }
  if (status.disruptionsAllowed === 0) throw tooMany(whyNone(budget));
  status.disruptionsAllowed -= 1;
  if (status.disruptionsAllowed === 0) {
    const condition = { type: disruptionAllowed, status: 'False', reason: 'InsufficientPods', message: '' } as const;
    const observed = { ...condition, observedGeneration: status.observedGeneration ?? 0 };
    status.conditions = setCondition(status.conditions, observed, timestamp);
  }
  status.disruptedPods = { ...status.disruptedPods, [podName]: timestamp };
}
