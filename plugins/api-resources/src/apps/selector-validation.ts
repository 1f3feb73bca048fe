import {
  fromLabelSelector,
  matchesSelector,
  type FieldError,
  type LabelSelector,
  type PodTemplateSpec,
} from '@timonel/sdk/kube';
import { Findings } from '../validation/findings.ts';
import { checkSelector, isEmptySelector } from '../validation/labels.ts';
import { isObject, itemsOf, objectOf, textEntries, textOf } from '../validation/loose.ts';

interface Owned {
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
}

/** The parts of a selector that have the right shape: what else is in it, the schema check reports. */
function wellShaped(selector: LabelSelector): LabelSelector {
  const expressions = itemsOf(selector.matchExpressions).map((item) => objectOf(item));
  return {
    matchLabels: Object.fromEntries(textEntries(selector.matchLabels)),
    matchExpressions: expressions.map(({ key, operator, values }) => ({
      key: textOf(key),
      operator: textOf(operator),
      values: itemsOf(values).filter((value) => typeof value === 'string'),
    })),
  };
}

/** A workload's selector is well formed, selects something, and selects the pods of its own template. */
export function checkOwnSelector(spec: Owned, path: string, found: Findings): void {
  const { selector, template } = spec;
  if (!isObject(selector)) {
    found.required(`${path}.selector`);
    return;
  }
  const malformed = new Findings();
  checkSelector(selector, `${path}.selector`, malformed);
  for (const finding of malformed.all()) found.add(finding);
  if (isEmptySelector(selector)) {
    found.invalid(`${path}.selector`, selector, 'empty selector is invalid for deployment');
    return;
  }
  if (malformed.all().length > 0) return;
  const labels = Object.fromEntries(textEntries(objectOf(objectOf(template).metadata).labels));
  if (!matchesSelector(fromLabelSelector(wellShaped(selector)), labels))
    found.invalid(`${path}.template.metadata.labels`, labels, '`selector` does not match template `labels`');
}

/** The selector of a workload never changes: pods of the old one would be nobody's. */
export function selectorUpdateFindings(
  object: { readonly spec?: { readonly selector?: LabelSelector } },
  old: { readonly spec?: { readonly selector?: LabelSelector } },
): FieldError[] {
  const found = new Findings();
  found.immutable('spec.selector', objectOf(object.spec).selector, objectOf(old.spec).selector);
  return found.all();
}
