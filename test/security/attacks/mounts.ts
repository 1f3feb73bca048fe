import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge, stopped, through, type Attack, type Outcome } from '../attack.ts';
import { volume, type AttackBed, type Ended } from '../bed.ts';

const area = 'Mounts and roots';

const on = (name: string, attempts: readonly (readonly string[])[], protection: string): Attack => ({
  name,
  area,
  what: attempts.map((words) => words.join(' ')).join(', '),
  protection,
  run: async (bed) => judge(await bed.attempt(attempts)),
});

/** The node's directory is as it was, and the container, if there was one, did not read the node's mark. */
function unharmed(bed: AttackBed, ended: Ended | string): Outcome {
  const strange = readdirSync(bed.host.directory).filter((name) => name !== 'mark');
  for (const name of strange) rmSync(join(bed.host.directory, name), { recursive: true });
  if (strange.length > 0 || !bed.host.isMarkIntact())
    return through(`changed a directory of the node: ${strange.join(', ')}`);
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(bed.host.directory))
    return through('mounted upon the node');
  const text = typeof ended === 'string' ? ended : ended.output;
  if (text.includes(bed.host.secret)) return through('read a file of the node');
  return stopped(typeof ended === 'string' ? 'refused' : 'stays in its own root');
}

/** Links that lead up and then to a directory of the node. */
const outside = (bed: AttackBed): string => `${'../'.repeat(24)}${bed.host.directory.slice(1)}`;
const look = (bed: AttackBed): string[] => [
  'sh',
  '-c',
  `cat ${bed.host.mark} /proc/mark /dev/mark /vol/mark; attacker climb ${bed.host.mark}`,
];

function linkInImage(name: string, known: string, elsewhere?: string): Attack {
  return {
    name: `an image whose /${name} is a link${known}`,
    area,
    what: `/${name} leads to a directory of the node: is anything mounted, made or read there?`,
    protection: 'what is mounted on is looked at first, and resolved inside of the new root',
    ...(elsewhere === undefined ? {} : { elsewhere }),
    async run(bed) {
      const image = bed.image((layer) => symlinkSync(outside(bed), join(layer, name)));
      return unharmed(bed, await bed.tried(look(bed), { image }));
    },
  };
}

export const mountAttacks: readonly Attack[] = [
  on(
    'mount a file system',
    [
      ['mount', 'tmpfs', '/tmp'],
      ['mount', 'proc', '/tmp'],
      ['mount', 'sysfs', '/tmp'],
      ['bind', '/proc', '/tmp'],
    ],
    'no CAP_SYS_ADMIN, seccomp',
  ),
  on('mount by the newer calls', [['fsopen'], ['open-tree']], 'no CAP_SYS_ADMIN, seccomp'),
  on(
    'take a mask away',
    [
      ['umount', '/proc/kcore'],
      ['umount', '/sys/firmware'],
      ['umount', '/proc'],
    ],
    'no CAP_SYS_ADMIN, seccomp',
  ),
  on(
    'make read-only paths writable',
    [
      ['remount', '/proc/sys'],
      ['remount', '/sys'],
      ['remount', '/sys/fs/cgroup'],
    ],
    'no CAP_SYS_ADMIN, seccomp',
  ),
  on('another root', [['pivot', '/tmp']], 'no CAP_SYS_ADMIN, seccomp'),
  on(
    'open files by handle',
    [
      ['by-handle', '/'],
      ['by-handle', '/etc/passwd'],
    ],
    'no CAP_DAC_READ_SEARCH',
  ),
  {
    name: 'climb out of the root',
    area,
    what: 'past the root by `..`, and by chroot in a directory below with the root kept open: is the mark of the node read?',
    protection: 'pivot_root: the old root is unmounted',
    async run(bed) {
      const { output } = await bed.run([
        'sh',
        '-c',
        `attacker climb ${bed.host.mark}; attacker chroot ${bed.host.mark}`,
      ]);
      return output.includes(bed.host.secret) ? through('read a file of the node') : judge(output);
    },
  },
  linkInImage('proc', ' (CVE-2019-19921, CVE-2023-27561)'),
  linkInImage(
    'dev',
    '',
    'runc makes the links of /dev (`fd`, `ptmx`, `stdin` and so on) by path before it enters the new root: a link of the image takes them to a directory of the node, where they are left.',
  ),
  linkInImage('sys', ' (CVE-2023-28642)'),
  {
    name: 'a volume at a path that is a link of the image',
    area,
    what: 'mount points that lead to a directory of the node, with and without a part that must be made',
    protection: 'mount points are resolved inside of the new root',
    async run(bed) {
      const image = bed.image((layer) => symlinkSync(outside(bed), join(layer, 'link')));
      const mounts = [volume(bed.directory(), '/link'), volume(bed.directory(), '/link/made/there')];
      return unharmed(bed, await bed.tried(look(bed), { image, mounts }));
    },
  },
  {
    name: 'a volume at a path with ..',
    area,
    what: 'a mount point that leads up and then to a directory of the node',
    protection: 'mount points are resolved inside of the new root',
    async run(bed) {
      const mounts = [volume(bed.directory(), `/vol/${outside(bed)}/made`)];
      return unharmed(bed, await bed.tried(look(bed), { mounts }));
    },
  },
  {
    name: 'a false /proc (CVE-2019-16884)',
    area,
    what: 'an image with /link to /proc, and a volume there with files that take what the runtime writes: is the true one beneath seen, or a profile missed?',
    protection: 'the volume stays below masks and covers /proc; what the runtime needs of /proc was done before',
    async run(bed) {
      const directory = bed.directory();
      mkdirSync(join(directory, 'self/attr'), { recursive: true });
      writeFileSync(join(directory, 'self/attr/exec'), '');
      const image = bed.image((layer) => symlinkSync('proc', join(layer, 'link')));
      const ended = await bed.tried(
        ['sh', '-c', 'attacker write /proc/sysrq-trigger h; attacker umount /proc; attacker user-namespace'],
        {
          image,
          mounts: [volume(directory, '/link')],
        },
      );
      return typeof ended === 'string' ? stopped('refused') : judge(ended.output);
    },
  },
  {
    name: 'the termination message at a link or a device',
    area,
    what: 'its path is a link to a file of the node, a directory, or the null device: is the file of the node another?',
    protection: 'the path is resolved inside of the new root; the file is the runtime’s own',
    async run(bed) {
      const image = bed.image((layer) => symlinkSync(join(outside(bed), 'mark'), join(layer, 'message')));
      const write = ['sh', '-c', 'echo overwritten > /message; echo overwritten > /dev/null'];
      const results = [];
      for (const terminationMessagePath of ['/message', '/dev/null', '/etc', '/proc/self/exe']) {
        results.push(unharmed(bed, await bed.tried(write, { image, terminationMessagePath })));
      }
      const bad = results.find((each) => !each.stopped);
      return bad ?? stopped([...new Set(results.map(({ how }) => how))].join(', '));
    },
  },
  {
    name: 'a mount that spreads to the node',
    area,
    what: 'an added CAP_SYS_ADMIN and seccomp Unconfined, and a mount upon a private volume: is it there on the node?',
    protection: 'mount propagation is private',
    async run(bed) {
      const directory = bed.directory();
      const { output } = await bed.run(
        ['sh', '-c', 'attacker mount tmpfs /vol; touch /vol/inside; attacker mount tmpfs /tmp'],
        {
          mounts: [volume(directory)],
          security: {
            privileged: false,
            readOnlyRootFilesystem: false,
            noNewPrivileges: true,
            addCapabilities: ['SYS_ADMIN'],
            dropCapabilities: [],
            seccomp: { type: 'Unconfined' },
          },
        },
      );
      const there = readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.split(' ')[4] === directory);
      if (there.length > 0 || existsSync(join(directory, 'inside'))) return through('mounted on the node');
      return output.startsWith('ok') ? stopped('mounted in the container alone') : stopped(output);
    },
  },
];
