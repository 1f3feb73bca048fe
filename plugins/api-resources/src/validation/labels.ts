import { labelValueProblems, qualifiedNameProblems, type LabelSelector } from '@timonel/sdk/kube';
import type { Findings } from './findings.ts';
import { isObject, itemsOf, objectOf, textOf } from './loose.ts';

/** Labels as they stand in a template, a selector or a node selector. Those of metadata are checked by the server. */
export function checkLabels(labels: unknown, path: string, found: Findings): void {
  if (!isObject(labels)) return;
  for (const [key, value] of Object.entries(labels)) {
    found.problems(path, key, qualifiedNameProblems(key));
    if (typeof value === 'string') found.problems(path, value, labelValueProblems(value));
  }
}

const annotationsLimitBytes = 256 * 1024;

export function checkAnnotations(annotations: unknown, path: string, found: Findings): void {
  if (!isObject(annotations)) return;
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    // Annotation keys may be upper case in Kubernetes: they are checked in lower case.
    found.problems(path, key, qualifiedNameProblems(key.toLowerCase()));
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(textOf(value));
  }
  if (sizeBytes > annotationsLimitBytes) found.tooLong(path, annotationsLimitBytes);
}

/** A metav1.LabelSelector. */
export function checkSelector(selector: LabelSelector | undefined, path: string, found: Findings): void {
  const { matchLabels, matchExpressions } = objectOf(selector);
  checkLabels(matchLabels, `${path}.matchLabels`, found);
  for (const [index, item] of itemsOf(matchExpressions).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const { key, operator, values } = objectOf(item);
    const count = itemsOf(values).length;
    if (operator === 'In' || operator === 'NotIn') {
      if (count === 0) found.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (count > 0)
        found.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else {
      found.invalid(`${at}.operator`, operator, 'not a valid selector operator');
    }
    found.problems(`${at}.key`, textOf(key), qualifiedNameProblems(textOf(key)));
    for (const [valueIndex, value] of itemsOf(values).entries()) {
      found.problems(`${at}.values[${valueIndex}]`, value, labelValueProblems(textOf(value)));
    }
  }
}

/** Whether a selector has no requirement at all. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  const { matchLabels, matchExpressions } = objectOf(selector);
  return Object.keys(objectOf(matchLabels)).length === 0 && itemsOf(matchExpressions).length === 0;
}
