import type { LabelSelector, PodTemplateSpec } from '@timonel/sdk/kube';
import { none } from '../table/columns.ts';
import { itemsOf, objectOf, shownText, textEntries, textOf } from '../validation/loose.ts';

/** Cells `Containers` and `Images`. */
export function templateCells(template: PodTemplateSpec | undefined): [string, string] {
  const containers = itemsOf(objectOf(objectOf(template).spec).containers).map((item) => objectOf(item));
  return [
    containers.map((container) => textOf(container.name)).join(','),
    containers.map((container) => textOf(container.image)).join(','),
  ];
}

function requirementText(item: { key?: string; operator?: string; values?: string[] }): string {
  const key = textOf(item.key);
  const values = itemsOf(item.values).map(shownText).join(',');
  switch (item.operator) {
    case 'In':
      return `${key} in (${values})`;
    case 'NotIn':
      return `${key} notin (${values})`;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return key;
  }
}

/** A label selector in its query form; `<none>` when it is empty or absent. */
export function selectorCell(selector: LabelSelector | undefined): string {
  const { matchLabels, matchExpressions } = objectOf(selector);
  const equal = textEntries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = itemsOf(matchExpressions).map((item) => requirementText(objectOf(item)));
  const parts = [...equal.sort(), ...others];
  return parts.length === 0 ? none : parts.join(',');
}
