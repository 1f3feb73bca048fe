/** What a machine has of what containers of an ordinary user need. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { hasProgram } from '../cluster/host.ts';
import { delegatedGroup } from './delegated-group.ts';
import { findIdRanges } from './id-ranges.ts';

export interface RootlessCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Pods are isolated without it too. */
  readonly optional: boolean;
  readonly detail: string;
  /** Empty when ok. */
  readonly fix: string;
}

function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function check(name: string, ok: boolean, detail: string, fix: string, optional = false): RootlessCheck {
  return { name, ok, optional, detail, fix: ok ? '' : fix };
}

/** Settings of distributions and administrators that forbid user namespaces. */
function forbiddance(): { readonly detail: string; readonly fix: string } | undefined {
  if (sysctl('kernel/unprivileged_userns_clone') === '0') {
    return {
      detail: 'kernel.unprivileged_userns_clone is 0',
      fix: 'as root: sysctl kernel.unprivileged_userns_clone=1',
    };
  }
  if (sysctl('user/max_user_namespaces') === '0') {
    return { detail: 'user.max_user_namespaces is 0', fix: 'as root: sysctl user.max_user_namespaces=15000' };
  }
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return {
      detail: 'AppArmor takes the rights of user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)',
      fix: 'as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile with "userns," for node',
    };
  }
  return undefined;
}

/** Runs a script as root of a user namespace with the others that a node has. What it could not do; undefined: all went well. */
function attempt(script: string): string | undefined {
  const kinds = ['--user', '--map-root-user', '--mount', '--net', '--ipc', '--uts', '--cgroup', '--pid', '--fork'];
  const { status, stderr, error } = spawnSync('unshare', [...kinds, 'sh', '-c', `set -e\n${script}`], {
    encoding: 'utf8',
    timeout: 10_000,
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : (stderr.trim().split('\n')[0] ?? `status ${status}`);
}

function namespaces(): RootlessCheck {
  const name = 'user namespaces';
  const absent = ['unshare', 'nsenter'].find((program) => !hasProgram(program));
  if (absent !== undefined) return check(name, false, `the program ${absent} is missing`, 'apt-get install util-linux');
  const problem = attempt('mount -n -t proc proc /proc');
  const detail = 'made by this user, with proc of their own';
  if (problem === undefined) return check(name, true, detail, '');
  const forbidden = forbiddance();
  const fix = 'outside of a container whose /proc is masked, with a kernel that allows user namespaces to users';
  return check(name, false, forbidden?.detail ?? problem, forbidden?.fix ?? fix);
}

/** Needs `namespaces` to be well. */
function overlay(): RootlessCheck {
  const problem = attempt(
    'mount -n -t tmpfs none /proc; cd /proc; mkdir l u w m; mount -n -t overlay none m -o lowerdir=l,upperdir=u,workdir=w,userxattr',
  );
  return check('overlay', problem === undefined, problem ?? 'mounted by users', 'use Linux 5.11 or newer');
}

function ids(): RootlessCheck {
  const found = findIdRanges();
  if (found.kind === 'many') {
    const count = found.uids.reduce((sum, [, , many]) => sum + many, 0);
    return check('ids', true, `${count} of /etc/subuid and /etc/subgid`, '', true);
  }
  return check('ids', false, `${found.why}: every container runs as one user, root of its image`, found.fix, true);
}

function limits(): RootlessCheck {
  const found = delegatedGroup();
  if (found.group !== undefined) return check('limits', true, `control groups at ${found.group}`, '', true);
  return check('limits', false, `${found.why}: cpu and memory limits of pods are not enforced`, found.fix, true);
}

/** As slirp4netns needs it. */
function hasTun(): boolean {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why pods reach nothing outside; undefined: they do. */
export function outwardProblem(): { readonly detail: string; readonly fix: string } | undefined {
  if (!hasProgram('slirp4netns')) {
    return { detail: 'slirp4netns is missing', fix: 'apt-get install slirp4netns' };
  }
  if (!hasTun()) {
    return { detail: '/dev/net/tun cannot be opened by this user', fix: 'as root: chmod 666 /dev/net/tun' };
  }
  return undefined;
}

function outward(): RootlessCheck {
  const problem = outwardProblem();
  const detail =
    problem === undefined
      ? 'by slirp4netns'
      : `${problem.detail}: pods reach each other and services, but nothing outside (images are pulled all the same)`;
  return check('network outside', problem === undefined, detail, problem?.fix ?? '', true);
}

/** What pods of an ordinary user lack or have. */
export function optionalParts(): readonly RootlessCheck[] {
  return [ids(), limits(), outward()];
}

/** Without those that are not optional pods are plain processes. */
export function examineRootless(): readonly RootlessCheck[] {
  const first = namespaces();
  return [first, ...(first.ok ? [overlay()] : []), ...optionalParts()];
}

/** Why containers of this user cannot be isolated. Undefined: they can. */
export function rootlessProblem(): string | undefined {
  if (!hasProgram('ip')) return 'the program ip is missing; apt-get install iproute2';
  const first = namespaces();
  const failed = first.ok ? overlay() : first;
  return failed.ok ? undefined : `${failed.name}: ${failed.detail}; ${failed.fix}`;
}
