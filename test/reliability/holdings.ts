/** Everything that a node has on this machine for its pods, one line each: what is there twice, or still, is seen. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { instanceOf } from '@timonel/sdk/linux';

/** What changes without pods. */
const ownFiles = /^(?:images-local|registry-distribution|node-agent\/(?:checkpoint|pulled-images)\.json)/;

function filesBelow(top: string): string[] {
  const { dev } = lstatSync(top);
  const found: string[] = [];
  const walk = (directory: string): void => {
    for (const name of entries(directory)) {
      const path = join(directory, name);
      const shown = relative(top, path);
      if (ownFiles.test(shown)) continue;
      found.push(`file ${shown}`);
      const status = lstatSync(path, { throwIfNoEntry: false });
      if (status?.isDirectory() === true && status.dev === dev) walk(path);
    }
  };
  walk(top);
  return found;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // it went while we looked
  }
}

function controlGroups(name: string): string[] {
  const found: string[] = [];
  const walk = (directory: string): void => {
    found.push(`control group ${directory}`);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) walk(join(directory, entry.name));
    }
  };
  for (const [, root = ''] of readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/ (\/\S+) \S+ .*- cgroup2? /g)) {
    if (entries(root).includes(name)) walk(join(root, name));
  }
  return found;
}

function processesWith(words: readonly string[], node: number): string[] {
  return entries('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === node || Number(pid) === process.pid) return [];
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return words.some((word) => commandLine.includes(word)) ? [`process ${pid} ${commandLine}`] : [];
    } catch {
      return [];
    }
  });
}

const ip = (...args: string[]): string[] => execFileSync('ip', args, { encoding: 'utf8' }).split('\n').filter(Boolean);

/** Ends of pod links at the bridge with this address. */
function links(gateway: string): string[] {
  const bridge = ip('-o', '-4', 'address')
    .map((line) => line.split(/\s+/))
    .find((words) => words.includes(gateway) || words[3]?.startsWith(`${gateway}/`))?.[1];
  return bridge === undefined
    ? []
    : ip('-o', 'link', 'show', 'master', bridge).map((line) => `link ${line.split(/[:@\s]+/)[1] ?? ''}`);
}

export interface HeldBy {
  readonly dataDir: string;
  /** Of its pods. */
  readonly gateway: string;
  readonly pid: number;
}

export function holdings({ dataDir, gateway, pid }: HeldBy): string[] {
  const instance = instanceOf(join(dataDir, 'runtime-linux'));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dataDir) || line.includes(instance))
    .map((line) => `mount ${line.split(' ')[4] ?? ''}`);
  const attachments = readFileSync(join(dataDir, 'network-bridge', 'attachments.json'), 'utf8');
  const addresses = (JSON.parse(attachments) as { attachments: { sandboxId: string; address: string }[] }).attachments;
  return [
    ...filesBelow(dataDir),
    ...mounts,
    ...controlGroups(`timonel-${instance}`),
    ...processesWith([dataDir, instance], pid),
    ...links(gateway),
    ...addresses.map(({ sandboxId, address }) => `address ${address} of ${sandboxId}`),
  ].toSorted((a, b) => (a < b ? -1 : 1));
}

/** What differs, short. */
export function difference(before: readonly string[], after: readonly string[]): string {
  const missing = before.filter((line) => !after.includes(line)).map((line) => `missing: ${line}`);
  const extra = after.filter((line) => !before.includes(line)).map((line) => `left: ${line}`);
  return [...extra, ...missing].slice(0, 6).join('; ');
}
