import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errorCode, errorMessage } from '@timonel/sdk';
import {
  RuntimeError,
  type ContainerConfig,
  type SandboxConfig,
  type SecuritySettings,
} from '@timonel/sdk/contracts/runtime';
import {
  longestSeccompProfile,
  readSeccompProfile,
  runtimeDefaultProfile,
  type SeccompRules,
} from '@timonel/sdk/linux';
import { capabilityNames } from './process.ts';

/** The filter of system calls; undefined: none. Privileged containers have none, whatever is asked. @throws RuntimeError */
export function seccompRules(security: SecuritySettings): SeccompRules | undefined {
  const profile = security.seccomp ?? { type: 'RuntimeDefault' };
  if (security.privileged || profile.type === 'Unconfined') return undefined;
  const capabilities = capabilityNames(security);
  if (profile.type === 'RuntimeDefault') return runtimeDefaultProfile(capabilities);
  try {
    const reader = { capabilities, architecture: process.arch, kernel: release() };
    return readSeccompProfile(readProfile(profile.path), reader);
  } catch (error) {
    const message = `seccomp profile ${profile.path}: ${errorMessage(error)}`;
    throw new RuntimeError('CreateContainerError', message, { cause: error });
  }
}

/** Never waits: what is no plain file (a FIFO, a device) is refused. */
function readProfile(path: string): string {
  if (!path.startsWith('/')) throw new Error('the path is not absolute');
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Error('is not on this node: put the file there', { cause: error });
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new Error('is not a plain file');
    if (status.size > longestSeccompProfile) throw new Error(`is longer than ${longestSeccompProfile} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
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
