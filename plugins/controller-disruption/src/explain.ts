import type { Cause } from '@timonel/sdk/contracts/why';
import { findCondition } from '@timonel/sdk/controller';
import type { Pod, PodDisruptionBudget } from '@timonel/sdk/kube';
import { isHealthy, type Disrupted } from './budget.ts';
import { planOf, type Observed } from './reconcile.ts';

const component = 'controller-disruption';
const namesShown = 5;

function shown(names: readonly string[]): string {
  return `${names.slice(0, namesShown).join(', ')}${names.length > namesShown ? ', …' : ''}`;
}

function whyUnhealthy(pod: Pod, disrupted: Disrupted): string {
  const { name = '', deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return `${name} (is being deleted)`;
  if (Object.hasOwn(disrupted.pods, name)) return `${name} (was evicted)`;
  const ready = findCondition(pod.status?.conditions, 'Ready');
  return `${name} (${ready?.message ?? ready?.reason ?? pod.status?.phase ?? 'not ready'})`;
}

function unblockOf(budget: PodDisruptionBudget, unhealthy: number): string {
  if (unhealthy > 0) {
    const policy = budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow';
    return policy
      ? 'make these pods ready, or evict them first: the budget lets them go'
      : 'make these pods ready; unhealthyPodEvictionPolicy: AlwaysAllow lets them be evicted';
  }
  return 'raise the replicas of the owner, or lower minAvailable (raise maxUnavailable)';
}

function spent(observed: Observed, budget: PodDisruptionBudget): Cause[] {
  const { status, disrupted } = planOf(observed, budget);
  if (status.disruptionsAllowed > 0) return [];
  const unhealthy = observed.pods.filter((pod) => !isHealthy(pod, disrupted));
  const { currentHealthy, desiredHealthy, expectedPods } = status;
  const figures = `${currentHealthy} of ${expectedPods} pods are healthy, ${desiredHealthy} have to be: no pod may be evicted`;
  const names = unhealthy.map((pod) => whyUnhealthy(pod, disrupted));
  const text = names.length === 0 ? figures : `${figures}; not healthy: ${shown(names)}`;
  return [{ component, code: 'no-disruption-allowed', text, unblock: unblockOf(budget, unhealthy.length) }];
}

/** Why a budget allows no disruption, and what would help. */
export function explain(observed: Observed): readonly Cause[] {
  const { subject: budget, pods } = observed;
  if (budget === undefined) return [];
  const causes: Cause[] = [];
  const rivals = observed.rivals();
  if (rivals.length > 0) {
    const text = `pods of this budget belong to other budgets too (${shown(rivals)}): such pods cannot be evicted at all`;
    causes.push({ component, code: 'overlapping-budgets', text, unblock: 'let each pod match one budget' });
  }
  const { problem } = planOf(observed, budget);
  if (problem !== undefined) return [...causes, { component, code: 'sync-failed', text: problem }];
  if (pods.length === 0) {
    return [...causes, { component, code: 'no-pods', text: 'no pods match its selector', unblock: 'check the labels' }];
  }
  return [...causes, ...spent(observed, budget)];
}
