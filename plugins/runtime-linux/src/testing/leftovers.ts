import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { instanceOf } from '../layout.ts';
import { runPathOf } from '../run-directory.ts';

/** The pid of the process of timonel-monitor, past its own re-execution, with this role and a subject that begins so. */
export function findProcess(role: string, subject: string): number | undefined {
  const begin = ['timonel-monitor-sealed', role, subject].join(' ');
  return processes().find(({ words }) => words.join(' ').startsWith(begin))?.pid;
}

function processes(): { readonly pid: number; readonly words: readonly string[] }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), words: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0') }];
      } catch {
        return []; // it ended while we read
      }
    });
}

const kinds = ['containers', 'sandboxes', 'events', 'trash'];

/** Everything on this node that belongs to the runtime with this data directory. Empty: nothing was left behind. */
export function leftovers(dataDir: string): string[] {
  const runDir = runPathOf(dataDir, '');
  const isOurs = (text: string): boolean => text.includes(dataDir) || text.includes(runDir);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => isOurs(line) && line.split(' ')[4] !== runDir); // an open runtime has that
  const running = processes()
    .filter(({ words }) => words.some(isOurs))
    .map(({ pid, words }) => `process ${pid}: ${words.join(' ')}`);
  const kept = [dataDir, runDir].flatMap((directory) => kinds.map((kind) => join(directory, kind)));
  const files = kept.flatMap((directory) =>
    existsSync(directory) ? readdirSync(directory).map((entry) => `file ${directory}/${entry}`) : [],
  );
  return [...mounts, ...running, ...files, ...groups(dataDir)];
}

function groups(dataDir: string): string[] {
  const name = `timonel-${instanceOf(dataDir)}`;
  const roots = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(' - cgroup'))
    .map((line) => line.split(' ')[4] ?? '');
  return roots.filter((root) => readdirSync(root).includes(name)).map((root) => `control group ${root}/${name}`);
}
