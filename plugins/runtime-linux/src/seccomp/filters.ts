import { createHash } from 'node:crypto';
import { release } from 'node:os';
import { errorMessage } from '@timonel/sdk';
import { RuntimeError, type SecuritySettings } from '@timonel/sdk/contracts/runtime';
import { readProfileFile, readSeccompProfile, runtimeDefaultProfile } from '@timonel/sdk/linux';
import { containerCapabilities } from '../capabilities.ts';
import type { SpecEntry } from '../spec-file.ts';
import { compileSeccomp } from './compile.ts';

const cachedFilters = 64;

/** Compiled filters by what they were made from. Most containers of a node share one. */
const compiled = new Map<string, readonly SpecEntry[]>();

/** What timonel-monitor must know of the filter of a container. Empty: none. Privileged containers have none, whatever is asked. */
export function seccompEntries(security: SecuritySettings): readonly SpecEntry[] {
  const profile = security.seccomp ?? { type: 'RuntimeDefault' };
  if (security.privileged || profile.type === 'Unconfined') return [];
  const capabilities = containerCapabilities(security);
  if (profile.type === 'RuntimeDefault') {
    return cached(`default ${capabilities.join()}`, () => compileSeccomp(runtimeDefaultProfile(capabilities)));
  }
  try {
    const text = readProfileFile(profile.path);
    const key = createHash('sha256').update(text).digest('hex');
    const reader = { capabilities, architecture: process.arch, kernel: release() };
    return cached(`${key} ${capabilities.join()}`, () => compileSeccomp(readSeccompProfile(text, reader)));
  } catch (error) {
    const message = `seccomp profile ${profile.path}: ${errorMessage(error)}`;
    throw new RuntimeError('CreateContainerError', message, { cause: error });
  }
}

/** The same entries as they stand in the spec of a container: its profile may be another one by now. */
export function filterOfSpec(spec: string): readonly SpecEntry[] {
  return spec
    .split('\0')
    .filter((record) => record.startsWith('seccomp'))
    .map((record): SpecEntry => [record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)]);
}

function cached(key: string, make: () => ReturnType<typeof compileSeccomp>): readonly SpecEntry[] {
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { program, flags } = make();
  const entries: readonly SpecEntry[] = [
    ['seccomp', program.toString('hex')],
    ['seccompFlags', String(flags)],
  ];
  const [oldest] = compiled.keys();
  if (compiled.size >= cachedFilters && oldest !== undefined) compiled.delete(oldest);
  compiled.set(key, entries);
  return entries;
}
