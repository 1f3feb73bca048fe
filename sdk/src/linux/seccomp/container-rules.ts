import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { SecuritySettings } from '../../contracts/runtime/index.ts';
import { errorCode, errorMessage } from '../../kernel/index.ts';
import { longestSeccompProfile, readSeccompProfile } from './read.ts';
import type { SeccompRules } from './rules.ts';
import { runtimeDefaultProfile } from './runtime-default.ts';

/**
 * The filter of system calls of a container with these capabilities (without `CAP_`); undefined: none. Privileged containers have none,
 * whatever is asked. @throws Error saying what is wrong with a profile of the node
 */
export function containerSeccomp(
  security: Pick<SecuritySettings, 'seccomp' | 'privileged'>,
  capabilities: readonly string[],
): SeccompRules | undefined {
  const profile = security.seccomp ?? { type: 'RuntimeDefault' };
  if (security.privileged || profile.type === 'Unconfined') return undefined;
  if (profile.type === 'RuntimeDefault') return runtimeDefaultProfile(capabilities);
  try {
    const reader = { capabilities, architecture: process.arch, kernel: release() };
    return readSeccompProfile(readProfile(profile.path), reader);
  } catch (error) {
    throw new Error(`seccomp profile ${profile.path}: ${errorMessage(error)}`, { cause: error });
  }
}

/** As JSON. A profile has numbers of 64 bits, which JSON takes and JavaScript's numbers do not hold. */
export function seccompJson(rules: SeccompRules): string {
  const text = JSON.stringify(rules, (_key, value: unknown) => (typeof value === 'bigint' ? `wide:${value}` : value));
  return text.replaceAll(/"wide:(\d+)"/g, '$1');
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
