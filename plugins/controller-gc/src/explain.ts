/** Why an object that was deleted is there still, or why one is about to go. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { causeOf, planOf, reconcile, type Observed } from './actions.ts';
import { blocks, isLeaving } from './reconcile.ts';

const component = 'controller-gc';
const namesShown = 3;

function waitsFor({ subject, dependents, live }: Observed): readonly Cause[] {
  const uid = subject?.metadata.uid;
  const blocking = [...(live.length > 0 ? live : dependents)].filter(({ object }) => blocks(object, uid));
  if (blocking.length === 0) return [];
  const shown = blocking.slice(0, namesShown).map(({ type, object }) => `${type.resource}/${object.metadata.name}`);
  const more = blocking.length > namesShown ? `, and ${blocking.length - namesShown} more` : '';
  const text = `it was deleted in the foreground, and waits for what it owns: ${shown.join(', ')}${more}`;
  return [{ component, code: 'WaitsForDependents', text }];
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject } = observed;
  if (subject === undefined) return [];
  const planned = planOf(observed);
  if (planned !== undefined && reconcile(observed).actions.length > 0) return [{ component, ...causeOf(planned) }];
  return isLeaving(subject) ? waitsFor(observed) : [];
}
