import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge, stopped, through, type Attack } from '../attack.ts';
import { settings, volume } from '../bed.ts';
import { within } from '../deadline.ts';

const area = 'Images';
/** A runtime that hangs is ended by who called it: that too is a bound. */
const startMs = 45_000;

function passwd(kind: string, make: (path: string) => void): Attack {
  return {
    name: `/etc/passwd is ${kind}`,
    area,
    what: 'a container as a user of that file: is it made, or refused, in bounded time?',
    protection: 'a plain file only, and a bounded part of it',
    async run(bed) {
      const image = bed.image((layer) => {
        mkdirSync(join(layer, 'etc'));
        for (const name of ['passwd', 'group']) make(join(layer, 'etc', name));
      });
      const attempt = async (user: string): Promise<string> => {
        const ended = await within(bed.tried(['true'], { image, user }), startMs);
        return ended === 'too late' ? ended : typeof ended === 'string' ? 'refused' : 'runs';
      };
      const begun = performance.now();
      const results = await Promise.all([attempt('ana'), attempt('1234'), attempt('')]);
      const seconds = Math.round((performance.now() - begun) / 1000);
      return results.includes('too late')
        ? through('the start hangs')
        : stopped(`by name: ${results[0]}, by number: ${results[1]}${seconds > 15 ? `, after ${seconds} s` : ''}`);
    },
  };
}

export const imageAttacks: readonly Attack[] = [
  passwd('a FIFO', (path) => execFileSync('mkfifo', [path])),
  passwd('a link to an endless device', (path) => symlinkSync('/dev/zero', path)),
  passwd('a file of 1 GB', (path) => {
    writeFileSync(path, 'a:');
    truncateSync(path, 1024 ** 3);
  }),
  {
    name: 'a volume at /dev in which the null device is a FIFO',
    area,
    what: 'is the container made, or refused, in bounded time? The FIFO has no writer.',
    protection: 'the runtime opens devices without waiting',
    async run(bed) {
      const directory = bed.directory();
      for (const name of ['null', 'ptmx', 'tty']) execFileSync('mkfifo', [join(directory, name)]);
      const mounts = [volume(directory, '/dev')];
      const results: string[] = [];
      for (const tty of [false, true]) {
        results.push(
          await within(
            bed.tried(['true'], { mounts, tty }).then((ended) => (typeof ended === 'string' ? 'refused' : 'runs')),
          ),
        );
      }
      return results.includes('too late')
        ? through('the node waits without end')
        : stopped(results.join(', with a terminal: '));
    },
  },
  {
    name: 'become root by a set-user-ID program',
    area: 'Privileges',
    what: 'as user 1234, with allowPrivilegeEscalation: false, a program of root that calls setuid(0)',
    protection: 'no_new_privs',
    async run(bed) {
      return judge((await bed.run(['/bin/attacker-of-root', 'identity'], { user: '1234' })).output);
    },
  },
  {
    name: 'regain a dropped capability by a set-user-ID program',
    area: 'Privileges',
    what: 'as user 1234 with all capabilities dropped and allowPrivilegeEscalation: true, a program of root that makes a device and changes the clock',
    protection: 'bounding set',
    async run(bed) {
      const script =
        '/bin/attacker-of-root device c 1 5 /tmp/d; /bin/attacker-of-root clock; /bin/attacker-of-root write /proc/sysrq-trigger h';
      const ended = await bed.run(['sh', '-c', script], {
        user: '1234',
        ...settings({ noNewPrivileges: false, dropCapabilities: ['ALL'] }),
      });
      return judge(ended.output);
    },
  },
];
