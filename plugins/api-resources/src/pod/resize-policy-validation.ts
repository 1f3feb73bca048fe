/** What a container does when its cpu or memory is resized. */
import type { Container, PodSpec } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { itemsOf, objectOf } from '../validation/loose.ts';

const choices = ['NotRequired', 'RestartContainer'];

/** `mayRestart`: the container is started again when it ends. */
function checkPolicies(container: Partial<Container>, at: string, mayRestart: boolean, found: Findings): void {
  const names = new Set<unknown>();
  for (const [index, item] of itemsOf(container.resizePolicy).entries()) {
    const path = `${at}.resizePolicy[${index}]`;
    const { resourceName, restartPolicy } = objectOf(item);
    found.oneOf(`${path}.resourceName`, resourceName, ['cpu', 'memory'], 'required');
    found.oneOf(`${path}.restartPolicy`, restartPolicy, choices, 'required');
    if (names.has(resourceName)) found.duplicate(path, resourceName);
    names.add(resourceName);
    if (restartPolicy === 'RestartContainer' && !mayRestart)
      found.invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
  }
}

export function checkResizePolicies(spec: Partial<PodSpec>, path: string, found: Findings): void {
  const mayRestart = spec.restartPolicy !== 'Never';
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, item] of itemsOf(spec[list]).entries()) {
      const container = objectOf<Container>(item);
      const isSidecar = list === 'initContainers' && container.restartPolicy === 'Always';
      checkPolicies(container, `${path}.${list}[${index}]`, mayRestart || isSidecar, found);
    }
  }
}
