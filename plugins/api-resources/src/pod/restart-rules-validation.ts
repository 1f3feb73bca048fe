/** Restart policies and rules of single containers. */
import type { Container, ContainerRestartRule } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { isObject, itemsOf, objectOf } from '../validation/loose.ts';

const policies = ['Always', 'Never', 'OnFailure'];
const mostRules = 20;
const mostValues = 255;

/** `isSidecar`: it is started again whatever it ends with. */
export function checkRestartRules(item: unknown, at: string, isSidecar: boolean, found: Findings): void {
  const { restartPolicy, restartPolicyRules } = objectOf<Container>(item as Container);
  const rules = itemsOf(restartPolicyRules);
  found.oneOf(`${at}.restartPolicy`, restartPolicy, policies, 'optional');
  if (rules.length === 0) return;
  const path = `${at}.restartPolicyRules`;
  if (isSidecar)
    found.forbidden(path, 'restartPolicyRules are not allowed for init containers with restart policy Always');
  if (restartPolicy === undefined)
    found.required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
  if (rules.length > mostRules) found.invalid(path, rules.length, `must have at most ${mostRules} items`);
  for (const [index, rule] of rules.entries()) checkRule(rule, `${path}[${index}]`, found);
}

function checkRule(item: unknown, path: string, found: Findings): void {
  const { action, exitCodes } = objectOf<ContainerRestartRule>(item as ContainerRestartRule);
  found.oneOf(`${path}.action`, action, ['Restart'], 'required');
  if (!isObject(exitCodes)) {
    found.required(`${path}.exitCodes`, 'must be specified');
    return;
  }
  found.oneOf(`${path}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn'], 'required');
  const values = itemsOf(exitCodes.values);
  if (values.length === 0) found.required(`${path}.exitCodes.values`, 'must have at least one value');
  if (values.length > mostValues)
    found.invalid(`${path}.exitCodes.values`, values.length, `must have at most ${mostValues} items`);
}
