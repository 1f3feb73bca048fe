import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { parseQuantity, qualifiedNameProblems } from '@timonel/sdk/kube';
import { child, items, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import type { Part } from '../validation/part.ts';
import { checkResourceList } from './resource-lists.ts';

const bounds = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** What `to` does not say, `from` says. */
function fillFrom(to: Json | undefined, from: Json | undefined): void {
  if (to === undefined || from === undefined) return;
  for (const [name, value] of Object.entries(from))
    if (name !== '__proto__' && !Object.hasOwn(to, name)) to[name] = value;
}

function defaultItem(item: Json): void {
  for (const bound of bounds) canonicalizeQuantities(item[bound]);
  if (item['type'] !== 'Container') return;
  // The limit of a container that names none is the maximum, its request the limit or else the minimum.
  const [max, min] = [child(item, 'max'), child(item, 'min')];
  if (max !== undefined) fillFrom(made(item, 'default'), max);
  const limits = child(item, 'default');
  if (limits !== undefined || min !== undefined) fillFrom(made(item, 'defaultRequest'), limits);
  fillFrom(child(item, 'defaultRequest'), min);
}

/** Bounds of one resource must not contradict each other. */
function checkOrder(item: Part, lower: (typeof bounds)[number], upper: (typeof bounds)[number]): void {
  const [low, high] = [item.at(lower), item.at(upper)];
  for (const [name, value] of low.entries()) {
    const [least, most] = [low, high].map((part) => parseQuantity(part.text(name)));
    if (least === undefined || most === undefined || least <= most) continue;
    item.found.invalid(
      `${low.path}[${name}]`,
      value,
      `${lower} value ${low.text(name)} is greater than ${upper} value ${high.text(name)}`,
    );
  }
}

function checkItem(item: Part): void {
  if (item.has('type') && !['Container', 'Pod', 'PersistentVolumeClaim'].includes(item.text('type')))
    item.named('type', qualifiedNameProblems);
  item.require('type');
  for (const bound of bounds) checkResourceList(item.at(bound));
  if (item.text('type') === 'Pod') {
    for (const bound of ['default', 'defaultRequest'])
      if (item.at(bound).entries().length > 0)
        item.found.forbidden(item.pathOf(bound), "may not be specified when `type` is 'Pod'");
  }
  if (item.text('type') === 'PersistentVolumeClaim' && !item.at('min').has('storage') && !item.at('max').has('storage'))
    item.found.required(item.path, 'either minimum or maximum storage value is required, but neither was provided');
  checkOrder(item, 'min', 'max');
  checkOrder(item, 'min', 'defaultRequest');
  checkOrder(item, 'min', 'default');
  checkOrder(item, 'defaultRequest', 'max');
  checkOrder(item, 'default', 'max');
  checkOrder(item, 'defaultRequest', 'default');
  const ratio = item.at('maxLimitRequestRatio');
  for (const [name, value] of ratio.entries()) {
    if ((parseQuantity(ratio.text(name)) ?? 1) < 1)
      item.found.invalid(`${ratio.path}[${name}]`, value, `ratio ${ratio.text(name)} is less than 1`);
  }
}

export const limitRangeKind: ResourceDefinition = describedKind({
  group: '',
  kind: 'LimitRange',
  resource: 'limitranges',
  shortNames: ['limits'],
  default: (range) => items(child(range, 'spec'), 'limits').forEach(defaultItem),
  check(range) {
    range.at('spec').distinct('limits', 'type');
    for (const item of range.at('spec').list('limits')) checkItem(item);
  },
});
