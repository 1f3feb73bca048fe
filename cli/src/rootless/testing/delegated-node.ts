/**
 * A program: an ordinary user with a control group of its own makes the namespaces of a node, and a container's group with a limit in
 * them. Prints what came of it. `delegated-node DIRECTORY`; with `inside` in place of the directory: what the node does.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { delegatedGroup, makeGroups, removeGroups } from '../delegated-group.ts';
import { endIdleHolder, enterWords, intoGroup, makeHolder } from '../holder.ts';
import { findIdRanges } from '../id-ranges.ts';

const limitBytes = 48 * 1024 * 1024;
const eater = `Buffer.alloc(${4 * limitBytes}).fill(1)`;

function inside(): object {
  const { driver } = detectCgroups();
  if (driver === undefined) return { version: 'none' };
  driver.create('pods/one', { memoryLimitBytes: limitBytes }, 'container');
  const [file = ''] = driver.joinFiles('pods/one');
  const { signal } = spawnSync('sh', ['-c', 'echo 0 > "$1" && exec "$2" -e "$3"', 'sh', file, process.execPath, eater]);
  const groups = driver.children('pods');
  return { version: driver.version, signal, groups, removed: driver.remove('pods/one') && driver.remove('pods') };
}

async function outside(directory: string): Promise<object> {
  const groups = makeGroups(directory);
  if (groups === undefined) return { refused: delegatedGroup() };
  const own = join(directory, 'rootless');
  const holder = await makeHolder({ directory: own, ids: findIdRanges(), resolvConf: undefined, groups });
  const words = [...enterWords(holder), process.execPath, process.argv[1] ?? '', 'inside'];
  const { stdout, stderr } = spawnSync('sh', ['-c', intoGroup, 'sh', groups.node, ...words], { encoding: 'utf8' });
  const ended = await endIdleHolder(own, holder);
  removeGroups(groups);
  return { ended, inside: stdout === '' ? stderr : (JSON.parse(stdout) as unknown) };
}

const [, , argument = ''] = process.argv;
console.log(JSON.stringify(argument === 'inside' ? inside() : await outside(argument)));
