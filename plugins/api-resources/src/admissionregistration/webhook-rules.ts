/** Rules that say which requests a webhook or a policy is asked about. */
import { conditionProblem, type ConditionsOf } from '@timonel/sdk/admission';
import { fill, items, made, type Json } from '../defaults.ts';
import { textOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

export function defaultRules(holder: Json | undefined, name: string): void {
  for (const rule of items(holder, name)) fill(rule, { scope: '*' });
}

/** Selectors that are not given select everything. */
export function defaultSelectors(holder: Json | undefined): void {
  fill(holder, { matchPolicy: 'Equivalent' });
  made(holder, 'namespaceSelector');
  made(holder, 'objectSelector');
}

function checkWildcards(rule: Part, name: string): void {
  const texts = rule.list(name).map((item) => textOf(item.raw));
  if (texts.length > 1 && texts.includes('*')) rule.invalid(name, "if '*' is present, must not specify other items");
}

export function checkRule(rule: Part): void {
  for (const name of ['operations', 'apiGroups', 'apiVersions', 'resources']) rule.requireItems(name);
  rule.eachOneOf('operations', operations);
  for (const name of ['operations', 'apiGroups', 'apiVersions']) checkWildcards(rule, name);
  rule.oneOf('scope', ['*', 'Cluster', 'Namespaced'], 'optional');
}

export function checkMatchConditions(holder: Part, of: ConditionsOf = 'webhook'): void {
  holder.distinct('matchConditions', 'name');
  const conditions = holder.list('matchConditions');
  if (conditions.length > 64) holder.found.tooLong(holder.pathOf('matchConditions'), 64);
  for (const condition of conditions) {
    condition.require('name', 'expression');
    const problem = condition.has('expression') ? conditionProblem(condition.text('expression'), of) : undefined;
    if (problem !== undefined) condition.invalid('expression', problem);
  }
}
