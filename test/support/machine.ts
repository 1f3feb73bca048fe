/** What a cluster may leave behind on the machine, and how to find it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

function lines(command: string, args: readonly string[]): string[] {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter((line) => line.trim() !== '');
  } catch {
    return [];
  }
}

function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return /timonel-monitor|cli\/dist\/bin\.js/.test(command) ? [`${pid} ${command.slice(0, 120)}`] : [];
      } catch {
        return [];
      }
    });
}

function cgroups(): string[] {
  const found: string[] = [];
  for (const root of [
    '/sys/fs/cgroup',
    '/sys/fs/cgroup/memory',
    '/sys/fs/cgroup/cpu',
    '/sys/fs/cgroup/pids',
    '/sys/fs/cgroup/unified',
  ]) {
    try {
      found.push(
        ...readdirSync(root)
          .filter((name) => name.startsWith('timonel'))
          .map((name) => `${root}/${name}`),
      );
    } catch {
      // This machine does not have that hierarchy.
    }
  }
  return found;
}

/** Everything of a cluster that the machine shows now, one line each. */
export function traces(): string[] {
  return [
    ...processes().map((line) => `process ${line}`),
    ...lines('ip', ['netns', 'list']).map((line) => `netns ${line}`),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => /timonel/.test(path))
      .map((path) => `mount ${path}`),
    ...cgroups().map((path) => `cgroup ${path}`),
    ...lines('nft', ['list', 'tables'])
      .filter((line) => line.includes('timonel'))
      .map((line) => `nft ${line}`),
    ...lines('ip', ['-o', 'link'])
      .map((line) => line.split(': ')[1]?.split('@')[0] ?? '')
      .filter((name) => /^(tml|tv|ts|tn|tl)[0-9a-f]{6,8}$/.test(name))
      .map((name) => `link ${name}`),
  ];
}

/** Traces that are there now and were not in `before`. */
export function newTraces(before: readonly string[]): string[] {
  const known = new Set(before);
  return traces().filter((trace) => !known.has(trace));
}
