import { readFileSync } from 'node:fs';
import { RuntimeError, type ContainerConfig, type SecuritySettings } from '@timonel/sdk/contracts/runtime';
import { effectiveCapabilities } from '@timonel/sdk/linux';
import type { RuntimeOciConfig } from '../config.ts';
import type { OciProcess } from './spec.ts';
import type { ResolvedUser } from './user.ts';

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ProcessInput {
  readonly config: ContainerConfig;
  readonly hostname: string;
  readonly user: ResolvedUser;
  readonly settings: RuntimeOciConfig;
}

/** The first process of a container, or with another command and terminal one beside it. */
export function processSpec(
  { config, hostname, user, settings }: ProcessInput,
  run: { readonly command: readonly string[]; readonly tty: boolean },
): OciProcess {
  const capabilities = capabilityNames(config.security).map((name) => `CAP_${name}`);
  const { appArmor } = config.security;
  const score = oomScore(config.resources.oomScoreAdj);
  return {
    terminal: run.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
    args: run.command,
    env: environment(config, hostname, user, run.tty),
    cwd: config.workingDir === '' ? '/' : config.workingDir,
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: limits(config, settings),
    noNewPrivileges: config.security.noNewPrivileges,
    ...(appArmor === undefined || appArmor === 'unconfined' ? {} : { apparmorProfile: appArmor }),
    ...(score === undefined ? {} : { oomScoreAdj: score }),
  };
}

/** Without those that this process has not itself, which no child of it can get. @throws RuntimeError */
export function capabilityNames(security: SecuritySettings): readonly string[] {
  const { names, unknown } = effectiveCapabilities(security);
  if (unknown.length > 0) {
    throw new RuntimeError('CreateContainerConfigError', `unknown capability "${unknown[0]}": see capabilities(7)`);
  }
  const own = ownCapabilities();
  return names.filter((name) => own.includes(name));
}

function ownCapabilities(): readonly string[] {
  const bits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${bits}`);
  const all = effectiveCapabilities({ privileged: true, addCapabilities: [], dropCapabilities: [] }).names;
  return all.filter((_name, number) => (held >> BigInt(number)) % 2n === 1n);
}

/** Below its own score a process gets another one only with CAP_SYS_RESOURCE. */
function oomScore(wanted: number | undefined): number | undefined {
  if (wanted === undefined || ownCapabilities().includes('SYS_RESOURCE')) return wanted;
  return Math.max(wanted, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')));
}

function environment(config: ContainerConfig, hostname: string, user: ResolvedUser, tty: boolean): readonly string[] {
  const named = new Set(config.env.map(({ name }) => name));
  const env = config.env.map(({ name, value }) => `${name}=${value}`);
  const defaults = [
    ['PATH', searchPath],
    ['HOSTNAME', hostname],
    ['HOME', user.home],
    ...(tty ? [['TERM', 'xterm'] as const] : []),
  ] as const;
  return [...env, ...defaults.filter(([name]) => !named.has(name)).map(([name, value]) => `${name}=${value}`)];
}

function limits({ resourceLimits = [] }: ContainerConfig, settings: RuntimeOciConfig): OciProcess['rlimits'] {
  const all = new Map(resourceLimits.map(({ type, soft, hard }) => [type.toUpperCase(), { soft, hard }]));
  if (settings.openFilesLimit !== undefined && !all.has('NOFILE')) all.set('NOFILE', settings.openFilesLimit);
  return [...all].map(([type, { soft, hard }]) => ({ type: `RLIMIT_${type}`, soft, hard }));
}
