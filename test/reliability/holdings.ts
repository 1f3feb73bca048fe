/** Everything that a node has on this machine for its pods, one line each: what is there twice, or still, is seen. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { instanceOf } from '@timonel/sdk/linux';

/** What changes without pods, and what a runtime keeps for those to come. */
const ownFiles =
  /^(?:images-local|registry-distribution|node-agent\/(?:checkpoint|pulled-images)\.json|runtime-linux\/spare\/)/;

function filesBelow(top: string): string[] {
  const dev = lstatSync(top, { throwIfNoEntry: false })?.dev;
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

/** Each before those below it. */
export function controlGroups(dataDir: string): string[] {
  const name = `timonel-${instanceOf(join(dataDir, 'runtime-linux'))}`;
  const found: string[] = [];
  const walk = (directory: string): void => {
    found.push(directory);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) walk(join(directory, entry.name));
    }
  };
  for (const [, root = ''] of readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/ (\/\S+) \S+ .*- cgroup2? /g)) {
    if (entries(root).includes(name)) walk(join(root, name));
  }
  return found;
}

/** Those whose command line names the node's directories, but not `node` itself. */
export function processesOf(dataDir: string, node: number): { readonly pid: number; readonly commandLine: string }[] {
  const words = namesOf(dataDir);
  return entries('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!/^\d+$/.test(name) || pid === node || pid === process.pid) return [];
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return words.some((word) => commandLine.includes(word)) ? [{ pid, commandLine }] : [];
    } catch {
      return [];
    }
  });
}

/** What is in the names of whatever is the node's. */
const namesOf = (dataDir: string): string[] => [dataDir, instanceOf(join(dataDir, 'runtime-linux'))];

/** In memory: what means something to this boot only. */
export const runDirectoryOf = (dataDir: string): string => `/run/timonel-${instanceOf(join(dataDir, 'runtime-linux'))}`;

export function mountsOf(dataDir: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => namesOf(dataDir).some((name) => line.includes(name)))
    .map((line) => line.split(' ')[4] ?? '');
}

const ip = (...args: string[]): string[] => execFileSync('ip', args, { encoding: 'utf8' }).split('\n').filter(Boolean);

/** The bridge of the pods with this gateway. */
export function bridgeOf(gateway: string): string | undefined {
  const addresses = ip('-o', '-4', 'address').map((line) => line.split(/\s+/));
  return addresses.find((words) => words[3]?.split('/')[0] === gateway)?.[1];
}

/** Ends of pod links at it. */
export function linksOf(gateway: string): string[] {
  const bridge = bridgeOf(gateway);
  if (bridge === undefined) return [];
  return ip('-o', 'link', 'show', 'master', bridge).map((line) => line.split(/[:@\s]+/)[1] ?? '');
}

export interface HeldBy {
  readonly dataDir: string;
  /** Of its pods. */
  readonly gateway: string;
  readonly pid: number;
}

export function holdings({ dataDir, gateway, pid }: HeldBy): string[] {
  const attachments = readFileSync(join(dataDir, 'network-bridge', 'attachments.json'), 'utf8');
  const addresses = (JSON.parse(attachments) as { attachments: { sandboxId: string; address: string }[] }).attachments;
  return [
    ...filesBelow(dataDir),
    ...filesBelow(runDirectoryOf(dataDir)),
    ...mountsOf(dataDir).map((path) => `mount ${path}`),
    ...controlGroups(dataDir).map((path) => `control group ${path}`),
    ...processesOf(dataDir, pid).map(({ pid: each, commandLine }) => `process ${each} ${commandLine}`),
    ...linksOf(gateway).map((name) => `link ${name}`),
    ...addresses.map(({ sandboxId, address }) => `address ${address} of ${sandboxId}`),
  ].toSorted((a, b) => (a < b ? -1 : 1));
}

/** What differs, short. */
export function difference(before: readonly string[], after: readonly string[]): string {
  const missing = before.filter((line) => !after.includes(line)).map((line) => `missing: ${line}`);
  const extra = after.filter((line) => !before.includes(line)).map((line) => `left: ${line}`);
  return [...extra, ...missing].slice(0, 6).join('; ');
}
