import { chmodSync, readFileSync, statSync } from 'node:fs';
import { maskedPaths } from '@timonel/sdk/linux';
import { judge, stopped, through, type Attack } from '../attack.ts';
import { volume } from '../bed.ts';

const area = 'Devices';
const places = ['/tmp/d', '/dev/d', '/dev/shm/d', '/vol/d'];

/** Numbers of the disks of this node. */
function disks(): string[][] {
  const rows = readFileSync('/proc/partitions', 'utf8').split('\n').slice(2);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((words) => words.length === 4)
    .slice(0, 2);
}

function reading(name: string, numbers: () => readonly (readonly string[])[]): Attack {
  return {
    name,
    area,
    what: `mknod in ${places.join(', ')} and a read of it`,
    protection: 'devices control group, nodev on every mount',
    async run(bed) {
      const attempts = numbers().flatMap(([kind = '', major = '', minor = '']) =>
        places.map((place) => ['device', kind, major, minor, place]),
      );
      return judge(await bed.attempt(attempts, { mounts: [volume(bed.directory())] }));
    },
  };
}

export const deviceAttacks: readonly Attack[] = [
  reading("read the node's disk", () => disks().map(([major = '', minor = '']) => ['b', major, minor])),
  reading("read the node's memory", () => [
    ['c', '1', '1'],
    ['c', '1', '2'],
    ['c', '1', '4'],
  ]),
  reading("read the kernel's log by a device", () => [['c', '1', '11']]),
  reading('use FUSE, KVM and the loop devices', () => [
    ['c', '10', '229'],
    ['c', '10', '232'],
    ['c', '10', '237'],
    ['b', '7', '0'],
  ]),
  {
    name: "change the node's null device",
    area,
    what: 'chmod of /dev/null, the others and masked paths: have the devices of the node another mode?',
    protection: 'nodes of its own',
    async run(bed) {
      const names = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
      const modes = (): string => names.map((name) => statSync(`/dev/${name}`).mode.toString(8)).join(' ');
      const before = modes();
      const paths = [...names.map((name) => `/dev/${name}`), ...maskedPaths];
      const output = await bed.attempt(paths.map((path) => ['chmod', path, '600']));
      const changed = modes() !== before;
      if (changed)
        for (const [i, mode] of before.split(' ').entries())
          chmodSync(`/dev/${names[i]}`, Number.parseInt(mode, 8) & 0o7777);
      return changed
        ? through('changed on the node')
        : stopped(output.includes('ok') ? 'changed its own alone' : output);
    },
  },
  {
    name: 'type into the terminal of a neighbour',
    area,
    what: 'TIOCSTI into every terminal below /dev, beside a container of the same pod that repeats what is typed: does it repeat anything?',
    protection: 'a devpts for each container',
    async run(bed) {
      const sandbox = await bed.sandbox();
      const neighbour = await bed.start(['sh', '-c', 'echo ready; cat'], { tty: true, stdin: true }, sandbox);
      await bed.printed(neighbour, 'ready');
      const typing = ['sh', '-c', 'attacker type-into /dev/console /dev/pts/[0-9]*; echo end'];
      const { output } = await bed.run(typing, { tty: true, stdin: true }, sandbox);
      await bed.runtime.stopContainer(neighbour, 0);
      const typed = (await bed.textOf(neighbour)).includes('x');
      return typed ? through('typed') : stopped(output.includes('ok') ? 'typed into its own alone' : 'EIO');
    },
  },
];
