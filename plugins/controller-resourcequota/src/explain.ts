/** What uses a quota up. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { formatAmount, parseAmount, zero } from '@timonel/sdk/quota';
import { planOf, type Observed } from './reconcile.ts';

const component = 'controller-resourcequota';
const namesShown = 5;

/** Those who count for most, first. */
function usersOf({ counted }: Observed, name: string): string {
  const users = [...counted.values()]
    .filter(({ usage }) => (usage.get(name) ?? zero).nanos > 0n)
    .toSorted((a, b) => {
      const [atA, atB] = [a, b].map(({ usage }) => (usage.get(name) ?? zero).nanos);
      if (atA !== atB) return (atA ?? 0n) > (atB ?? 0n) ? -1 : 1;
      return a.name < b.name ? -1 : 1;
    });
  const shown = users
    .slice(0, namesShown)
    .map((user) => `${user.name} (${formatAmount(user.usage.get(name) ?? zero)})`)
    .join(', ');
  if (users.length === 0) return 'nothing that is there';
  return users.length > namesShown ? `${shown} and ${users.length - namesShown} more` : shown;
}

function spent(observed: Observed): Cause[] {
  const { used } = planOf(observed);
  return Object.entries(observed.subject?.spec?.hard ?? {}).flatMap(([name, bound]): Cause[] => {
    const amount = used.get(name);
    const hard = parseAmount(bound);
    if (amount === undefined || amount.nanos < hard.nanos) return [];
    const over = amount.nanos > hard.nanos;
    const text = `${name}: ${formatAmount(amount)} of ${bound} is used, ${over ? 'more than' : 'all that'} is allowed; by ${usersOf(observed, name)}`;
    const unblock = `delete some of them, let them ask for less, or raise spec.hard of ${name}`;
    return [{ component, code: over ? 'exceeded' : 'used-up', text, unblock }];
  });
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject, uncounted } = observed;
  if (subject === undefined) return [];
  const causes = spent(observed);
  const { reserved, settlesInMs } = planOf(observed);
  if (settlesInMs !== undefined) {
    const names = [...reserved]
      .filter(([, { nanos }]) => nanos > 0n)
      .map(([name, amount]) => `${name} ${formatAmount(amount)}`);
    const text = `charged for objects that are not there (yet): ${names.join(', ')}; given back in ${Math.ceil(settlesInMs / 1000)} s if they do not come`;
    causes.push({ component, code: 'reserved', text });
  }
  if (uncounted.length > 0) {
    const text = `nothing counts for ${uncounted.join(', ')}`;
    const unblock = 'write them as Kubernetes does: requests.cpu, pods, count/deployments.apps, …';
    causes.push({ component, code: 'nothing-counts', text, unblock });
  }
  return causes;
}
