import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { instanceOf } from '@timonel/sdk/linux';

/** Everything on this node that belongs to the runtime with this data directory. Empty: nothing was left behind. */
export function leftovers(dataDir: string): string[] {
  const open = `/run/timonel-${instanceOf(dataDir)}`;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dataDir) || line.includes(open));
  const running = processesOf(dataDir).map(({ pid, words }) => `process ${pid}: ${words.join(' ')}`);
  const files = ['containers', 'sandboxes', 'exits', 'state', 'calls'].flatMap((name) =>
    existsSync(join(dataDir, name)) ? readdirSync(join(dataDir, name)).map((entry) => `file ${name}/${entry}`) : [],
  );
  const shown = existsSync(open) ? [`directory ${open}`] : [];
  return [...mounts, ...running, ...files, ...shown, ...groups(dataDir)];
}

/** Processes that name the directory, and those in control groups of its runtime. */
function processesOf(dataDir: string): { readonly pid: number; readonly words: readonly string[] }[] {
  const group = `/timonel-${instanceOf(dataDir)}/`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        const isOurs = words.some((word) => word.includes(dataDir));
        if (/^State:\s+Z/m.test(readFileSync(`/proc/${name}/status`, 'utf8'))) return []; // whoever inherited it reaps it
        const isIn = readFileSync(`/proc/${name}/cgroup`, 'utf8').includes(group);
        return isOurs || isIn ? [{ pid: Number(name), words }] : [];
      } catch {
        return []; // it ended while we read
      }
    });
}

function groups(dataDir: string): string[] {
  const name = `timonel-${instanceOf(dataDir)}`;
  const roots = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(' - cgroup'))
    .map((line) => line.split(' ')[4] ?? '');
  return roots.filter((root) => readdirSync(root).includes(name)).map((root) => `control group ${root}/${name}`);
}
