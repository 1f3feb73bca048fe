import { release } from 'node:os';
import type { SecuritySettings } from '../../contracts/runtime/index.ts';
import { errorMessage } from '../../kernel/index.ts';
import { readProfileFile } from './profile-file.ts';
import { readSeccompProfile } from './read.ts';
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
    return readSeccompProfile(readProfileFile(profile.path), reader);
  } catch (error) {
    throw new Error(`seccomp profile ${profile.path}: ${errorMessage(error)}`, { cause: error });
  }
}

/** As JSON. A profile has numbers of 64 bits, which JSON takes and JavaScript's numbers do not hold. */
export function seccompJson(rules: SeccompRules): string {
  const text = JSON.stringify(rules, (_key, value: unknown) => (typeof value === 'bigint' ? `wide:${value}` : value));
  return text.replaceAll(/"wide:(\d+)"/g, '$1');
}
