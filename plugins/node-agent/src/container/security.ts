/** securityContext of pod and container as the runtime takes it. */
import type { SecuritySettings } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';
import type { NodePolicy } from './node-policy.ts';
import { appArmorOf, seccompOf } from './profiles.ts';

function capabilityNames(names: readonly string[] | undefined): string[] {
  return (names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
}

/** @throws ConfigError when what it asks for is not to be had */
export async function securitySettings(pod: Pod, container: Container, policy: NodePolicy): Promise<SecuritySettings> {
  const context = container.securityContext;
  const privileged = context?.privileged === true;
  const appArmor = appArmorOf(pod, container);
  return {
    privileged,
    readOnlyRootFilesystem: context?.readOnlyRootFilesystem === true,
    // Stricter than Kubernetes, where only an explicit false forbids it: what a spec does not ask for, it does not get.
    noNewPrivileges: context?.allowPrivilegeEscalation !== true && !privileged,
    addCapabilities: capabilityNames(context?.capabilities?.add),
    dropCapabilities: capabilityNames(context?.capabilities?.drop),
    seccomp: await seccompOf(pod, container, policy),
    ...(appArmor === undefined ? {} : { appArmor }),
    ...(context?.procMount === undefined ? {} : { procMount: procMountOf(pod, context.procMount) }),
  };
}

function procMountOf({ spec }: Pod, asked: string): 'Default' | 'Unmasked' {
  if (asked === '' || asked === 'Default') return 'Default';
  if (asked !== 'Unmasked') throw new ConfigError(`procMount "${asked}" is unknown`);
  if (spec.hostUsers === false) return asked;
  throw new ConfigError('procMount Unmasked needs hostUsers: false');
}
