/** Runs in the guest of test/guest too, where a group can be handed down. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const uid = 64_002;
const program = join(import.meta.dirname, 'testing', 'delegated-node.mjs');
const group = '/sys/fs/cgroup/timonel-delegated';
const canHandDown = existsSync(program) && existsSync('/sys/fs/cgroup/cgroup.controllers');
const inGuest = canHandDown ? it : it.skip;

/** What the program says that an ordinary user runs in this group. */
function runIn(place: string, directory: string): unknown {
  const user = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const words = [
    'sh',
    '-c',
    'echo 0 > "$1/cgroup.procs" && shift && exec "$@"',
    'sh',
    place,
    ...user,
    process.execPath,
  ];
  const [shell = '', ...args] = words;
  const { stdout, stderr } = spawnSync(shell, [...args, program, directory], { encoding: 'utf8', timeout: 60_000 });
  return stdout === '' ? stderr : (JSON.parse(stdout) as unknown);
}

function removeTree(directory: string): void {
  for (const each of readdirSync(directory, { withFileTypes: true })) {
    if (each.isDirectory()) removeTree(join(directory, each.name));
  }
  try {
    rmdirSync(directory);
  } catch {
    // what is left in it is what failed
  }
}

describe('control groups of an ordinary user', () => {
  inGuest('limit its containers where a group was handed down (needs cgroup v2 alone: the guest)', () => {
    const directory = mkdtempSync(join(tmpdir(), 'timonel-delegated-'));
    chownSync(directory, uid, uid);
    mkdirSync(group);
    for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
      chownSync(join(group, file), uid, uid);
    }
    try {
      expect(runIn(group, directory)).toEqual({
        ended: true,
        inside: { version: 'v2', signal: 'SIGKILL', groups: ['one'], removed: true },
      });
      expect(readdirSync(group, { withFileTypes: true }).filter((each) => each.isDirectory())).toHaveLength(1);
    } finally {
      rmSync(directory, { recursive: true });
      removeTree(group);
    }
  });
});
