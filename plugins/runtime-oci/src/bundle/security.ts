import { existsSync } from 'node:fs';
import { errorMessage } from '@timonel/sdk';
import {
  RuntimeError,
  type ContainerConfig,
  type SandboxConfig,
  type SecuritySettings,
} from '@timonel/sdk/contracts/runtime';
import { containerSeccomp, type SeccompRules } from '@timonel/sdk/linux';
import { capabilityNames } from './process.ts';

/** The filter of system calls; undefined: none. @throws RuntimeError */
export function seccompRules(security: SecuritySettings): SeccompRules | undefined {
  const capabilities = capabilityNames(security);
  try {
    return containerSeccomp(security, capabilities);
  } catch (error) {
    throw new RuntimeError('CreateContainerError', errorMessage(error), { cause: error });
  }
}

/** @throws RuntimeError for what this node or this runtime does not have */
export function checkSecurity({ security }: ContainerConfig, sandbox: SandboxConfig): void {
  const { appArmor } = security;
  if (appArmor !== undefined && appArmor !== 'unconfined' && !existsSync('/sys/kernel/security/apparmor')) {
    refuse(`the AppArmor profile "${appArmor}" cannot be used: this node's kernel runs without AppArmor`);
  }
  if (security.procMount === 'Unmasked' && !security.privileged && sandbox.userNamespace === undefined) {
    refuse('procMount Unmasked needs a user namespace of the pod: set hostUsers to false');
  }
}

function refuse(text: string): never {
  throw new RuntimeError('CreateContainerError', text);
}
