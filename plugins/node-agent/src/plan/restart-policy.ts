/** Whether a container that ended runs again: by rules of its own, its own policy, or that of the pod. Pure. */
import type { Container, ContainerRestartRule, Pod } from '@timonel/sdk/kube';
import type { ContainerKind } from './containers.ts';

export function restartPolicyOf(pod: Pod): string {
  return pod.spec.restartPolicy ?? 'Always';
}

function fits({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (action !== 'Restart' || exitCodes === undefined) return false;
  return (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In');
}

/** Init containers: only their failure counts. Ephemeral ones: never. */
export function runsAgain(pod: Pod, container: Container, exitCode: number | undefined, kind: ContainerKind): boolean {
  if (kind === 'sidecar') return true;
  if (kind === 'ephemeral') return false;
  if (kind === 'init' && exitCode === 0) return false;
  if (exitCode !== undefined && container.restartPolicyRules?.some((rule) => fits(rule, exitCode)) === true)
    return true;
  const policy = container.restartPolicy ?? restartPolicyOf(pod);
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}
