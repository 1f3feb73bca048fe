import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { judge, stopped, through, type Attack, type Outcome } from '../attack.ts';
import type { AttackBed } from '../bed.ts';
import { join } from 'node:path';

const area = 'Processes';

/** The node's process is as it was, and nothing of its secret came out. */
function untouched(bed: AttackBed, output: string, how: string): Outcome {
  if (output.includes(bed.host.secret)) return through('the secret of a process of the node');
  return bed.host.isVictimAlive() ? stopped(how) : through('a process of the node was ended');
}

const reads = ['cmdline', 'environ', 'maps', 'mem', 'fd/0', 'ns/mnt', 'cwd/', 'root/etc/passwd'];

export const processAttacks: readonly Attack[] = [
  {
    name: "read the node's processes",
    area,
    what: 'all of /proc/*/environ and /proc/*/cmdline: is the secret of a process of the node in it?',
    protection: 'pid namespace',
    async run(bed) {
      const { output } = await bed.run([
        'sh',
        '-c',
        'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr "\\0" "\\n"; ls /proc',
      ]);
      return untouched(bed, output, `${output.match(/^\d+$/gm)?.length ?? 0} processes seen, all its own`);
    },
  },
  {
    name: 'end processes of the node',
    area,
    what: 'SIGKILL to the pid of a process of the node, and to all: does it live?',
    protection: 'pid namespace',
    async run(bed) {
      const { output } = await bed.run(['sh', '-c', `attacker kill ${bed.host.victim}; kill -9 -1`]);
      return untouched(bed, output, output);
    },
  },
  {
    name: 'read a process of the node with hostPID',
    area,
    what: "environment, memory, descriptors and root of a process of the node's root that it sees",
    protection: 'fewer capabilities than the process (ptrace access check), no CAP_SYS_PTRACE',
    async run(bed) {
      const sandbox = await bed.sandbox({ hostPid: true });
      const attempts = reads.map((name) => ['read', `/proc/${bed.host.victim}/${name}`]).slice(1);
      const output = await bed.attempt(attempts, {}, sandbox);
      if (output.includes(bed.host.secret)) return through('its secret');
      return judge(output);
    },
  },
  {
    name: 'trace a process of the node with hostPID',
    area,
    what: 'ptrace, process_vm_readv, pidfd_getfd',
    protection: 'seccomp, no CAP_SYS_PTRACE',
    async run(bed) {
      const sandbox = await bed.sandbox({ hostPid: true });
      const pid = String(bed.host.victim);
      return judge(
        await bed.attempt(
          [
            ['trace', pid],
            ['memory', pid, '400000'],
            ['take-descriptor', pid],
          ],
          {},
          sandbox,
        ),
      );
    },
  },
  {
    name: 'end a process of the node with hostPID as another user',
    area,
    what: 'SIGKILL as user 1234: does it live?',
    protection: 'user ids',
    async run(bed) {
      const sandbox = await bed.sandbox({ hostPid: true });
      const output = await bed.attempt([['kill', String(bed.host.victim)]], { user: '1234' }, sandbox);
      return untouched(bed, output, output);
    },
  },
  {
    name: 'connect to an abstract socket of the node',
    area,
    what: 'a listener in the node: does it get a connection?',
    protection: 'network namespace',
    async run(bed) {
      let connections = 0;
      const server = createServer(() => connections++);
      const name = `timonel-${bed.host.secret}`;
      server.listen(`\0${name}`);
      await once(server, 'listening');
      try {
        const output = await bed.attempt([['abstract', name]]);
        return connections > 0 ? through('connected') : judge(output);
      } finally {
        server.close();
      }
    },
  },
  {
    name: 'open shared memory of the node',
    area,
    what: 'a System V segment that the node made, by its key',
    protection: 'ipc namespace',
    async run(bed) {
      const key = (0x7000_0000 + process.pid).toString(16);
      const maker = spawn(join(bed.root, 'bin/attacker'), ['make-segment', key], { stdio: ['pipe', 'pipe', 'ignore'] });
      try {
        await once(maker.stdout, 'data');
        return judge(await bed.attempt([['segment', key]]));
      } finally {
        maker.stdin.end();
        await once(maker, 'close');
      }
    },
  },
];
