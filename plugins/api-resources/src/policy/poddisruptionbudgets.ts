import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { checkAmount, checkShare } from '../apps/rollout-validation.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, counted, nameColumn, numberAt, shown, textAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';

/** Of the counts in the status. */
const greatest = 2_147_483_647;
const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'];

function check(budget: Part): void {
  const spec = budget.at('spec');
  if (spec.has('minAvailable') && spec.has('maxUnavailable'))
    spec.wrong('minAvailable and maxUnavailable cannot be both set');
  for (const name of ['minAvailable', 'maxUnavailable']) {
    const value = spec.get(name);
    checkAmount(value, spec.pathOf(name), spec.found);
    checkShare(value, spec.pathOf(name), spec.found);
    if (typeof value === 'number' && value > greatest)
      spec.found.invalid(spec.pathOf(name), value, `must be less than or equal to ${greatest}`);
  }
  spec.selector('selector');
  spec.oneOf('unhealthyPodEvictionPolicy', ['AlwaysAllow', 'IfHealthyBudget'], 'optional');
}

export const podDisruptionBudgetKind: ResourceDefinition = describedKind({
  group: 'policy',
  kind: 'PodDisruptionBudget',
  resource: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  generation: true,
  status: Object.fromEntries(counts.map((name) => [name, 0])),
  statusMetadata: true,
  check,
  checkStatus: (budget) => budget.at('status').nonNegative(...counts),
  columns: [
    nameColumn,
    shown('Min Available', 'The least number of pods that must stay.', (budget) =>
      textAt(budget, 'spec.minAvailable', 'N/A'),
    ),
    shown('Max Unavailable', 'The greatest number of pods that may be missing.', (budget) =>
      textAt(budget, 'spec.maxUnavailable', 'N/A'),
    ),
    counted('Allowed Disruptions', 'How many pods may go now.', (budget) =>
      numberAt(budget, 'status.disruptionsAllowed'),
    ),
    ageColumn,
  ],
});
