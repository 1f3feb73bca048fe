import {
  labelValueProblems,
  qualifiedNameProblems,
  type Affinity,
  type NodeSelectorTerm,
  type Toleration,
} from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { checkSelector } from '../validation/labels.ts';
import { fieldOf, isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function checkToleration(toleration: Partial<Toleration>, at: string, found: Findings): void {
  const { key, operator, value, effect, tolerationSeconds } = toleration;
  if (textOf(key) !== '') found.problems(`${at}.key`, key, qualifiedNameProblems(textOf(key)));
  else if (operator !== 'Exists')
    found.invalid(
      `${at}.operator`,
      textOf(operator),
      'operator must be Exists when `key` is empty, which means "match all values and all keys"',
    );
  if (typeof tolerationSeconds === 'number' && effect !== 'NoExecute')
    found.invalid(`${at}.effect`, textOf(effect), "effect must be 'NoExecute' when `tolerationSeconds` is set");
  if (operator === 'Exists') {
    if (textOf(value) !== '')
      found.invalid(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'");
  } else {
    found.oneOf(`${at}.operator`, operator, ['Equal', 'Exists'], 'optional');
    found.problems(`${at}.operator`, value, labelValueProblems(textOf(value)));
  }
  found.oneOf(`${at}.effect`, effect, effects, 'optional');
}

export function checkTolerations(tolerations: readonly Toleration[] | undefined, path: string, found: Findings): void {
  for (const [index, item] of itemsOf(tolerations).entries())
    checkToleration(objectOf(item), `${path}[${index}]`, found);
}

function checkRequirement(item: unknown, at: string, found: Findings): void {
  const operator = fieldOf(item, 'operator');
  const values = itemsOf(fieldOf(item, 'values') as unknown[]);
  const key = textOf(fieldOf(item, 'key'));
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) found.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        found.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        found.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      break;
    default:
      found.invalid(`${at}.operator`, operator, 'not a valid selector operator');
  }
  found.problems(`${at}.key`, key, qualifiedNameProblems(key));
}

function checkTerm(term: NodeSelectorTerm | undefined, at: string, found: Findings): void {
  for (const [index, item] of itemsOf(objectOf(term).matchExpressions).entries()) {
    checkRequirement(item, `${at}.matchExpressions[${index}]`, found);
  }
}

/** The parts of an affinity that the schedulers read: a malformed one would never match, or always. */
export function checkAffinity(affinity: Affinity | undefined, path: string, found: Findings): void {
  const node = objectOf(objectOf(affinity).nodeAffinity);
  const required = node.requiredDuringSchedulingIgnoredDuringExecution;
  if (isObject(required)) {
    const at = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
    const terms = itemsOf(required['nodeSelectorTerms']);
    if (terms.length === 0) found.required(at, 'must have at least one node selector term');
    for (const [index, term] of terms.entries()) checkTerm(term, `${at}[${index}]`, found);
  }
  for (const [index, item] of itemsOf(node.preferredDuringSchedulingIgnoredDuringExecution).entries()) {
    const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    const { weight, preference } = objectOf(item);
    if (typeof weight !== 'number' || weight < 1 || weight > 100)
      found.invalid(`${at}.weight`, weight, 'must be in the range 1-100');
    checkTerm(preference, `${at}.preference`, found);
  }
  for (const kind of ['podAffinity', 'podAntiAffinity']) {
    const terms = fieldOf(fieldOf(affinity, kind), 'requiredDuringSchedulingIgnoredDuringExecution');
    for (const [index, item] of itemsOf(terms as unknown[]).entries()) {
      const at = `${path}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`;
      if (textOf(fieldOf(item, 'topologyKey')) === '') found.required(`${at}.topologyKey`, 'can not be empty');
      checkSelector(fieldOf(item, 'labelSelector') as never, `${at}.labelSelector`, found);
    }
  }
}

export function checkSpreadConstraints(constraints: unknown, path: string, found: Findings): void {
  for (const [index, item] of itemsOf(constraints as unknown[]).entries()) {
    const at = `${path}[${index}]`;
    const maxSkew = fieldOf(item, 'maxSkew');
    if (typeof maxSkew !== 'number' || maxSkew <= 0)
      found.invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero');
    if (textOf(fieldOf(item, 'topologyKey')) === '') found.required(`${at}.topologyKey`, 'can not be empty');
    found.oneOf(
      `${at}.whenUnsatisfiable`,
      fieldOf(item, 'whenUnsatisfiable'),
      ['DoNotSchedule', 'ScheduleAnyway'],
      'required',
    );
    checkSelector(fieldOf(item, 'labelSelector') as never, `${at}.labelSelector`, found);
  }
}
