import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { maskedPaths } from '@timonel/sdk/linux';
import { judge, stopped, through, type Attack } from '../attack.ts';
import { volume } from '../bed.ts';

const area = "The kernel's files";

/** One attempt at a file, of which the error tells. */
function onFile(name: string, attempts: readonly (readonly string[])[], protection: string): Attack {
  const what = attempts.map((words) => words.join(' ')).join(', ');
  return { name, area, what, protection, run: async (bed) => judge(await bed.attempt(attempts)) };
}

/** A number that shows whether it was changed, and does no harm. */
const harmless = '/proc/sys/kernel/printk_ratelimit_burst';

export const kernelFileAttacks: readonly Attack[] = [
  onFile('write to /proc/sysrq-trigger', [['write', '/proc/sysrq-trigger', 'h']], 'read-only path'),
  onFile('read /proc/kcore', [['read', '/proc/kcore']], 'masked path'),
  onFile(
    "read the kernel's log",
    [['read', '/proc/kmsg'], ['read', '/dev/kmsg'], ['syslog']],
    'no CAP_SYSLOG, no such device',
  ),
  onFile(
    'read keys and timers of the node',
    [
      ['read', '/proc/keys'],
      ['read', '/proc/timer_list'],
      ['read', '/proc/sched_debug'],
    ],
    'masked paths',
  ),
  onFile(
    'have the node run a program at a crash',
    [
      ['rewrite', '/proc/sys/kernel/core_pattern'],
      ['rewrite', '/proc/sys/kernel/modprobe'],
    ],
    'read-only path',
  ),
  onFile(
    'have the node run a program at an event',
    [
      ['write', '/sys/kernel/uevent_helper', ''],
      ['write', '/sys/class/mem/null/uevent', 'add'],
    ],
    'read-only sysfs',
  ),
  onFile(
    "read the node's firmware",
    [
      ['read', '/sys/firmware/acpi/tables/DSDT'],
      ['read', '/sys/firmware/dmi/tables/DMI'],
      ['read', '/sys/devices/virtual/powercap/uevent'],
    ],
    'masked paths',
  ),
  {
    name: 'change settings of the kernel',
    area,
    what: `write to ${harmless}: is it another value on the node?`,
    protection: 'read-only path',
    async run(bed) {
      const before = readFileSync(harmless, 'utf8');
      const output = await bed.attempt([['write', harmless, String(Number(before) + 1)]]);
      const changed = readFileSync(harmless, 'utf8') !== before;
      if (changed) writeFileSync(harmless, before);
      return changed ? through('changed') : judge(output);
    },
  },
  {
    name: 'put a link in the place of what masks are made of (CVE-2025-31133)',
    area,
    what: `a volume at /dev in which \`null\` is a link to ${harmless}: can a masked path then be written to, and is it another value on the node?`,
    protection: 'paths are masked before volumes are mounted',
    async run(bed) {
      const directory = bed.directory();
      symlinkSync(harmless, join(directory, 'null'));
      const before = readFileSync(harmless, 'utf8');
      const script = maskedPaths.map((path) => `attacker write ${path} ${Number(before) + 1}`).join('; ');
      const ended = await bed.tried(['sh', '-c', script], { mounts: [volume(directory, '/dev')] });
      const changed = readFileSync(harmless, 'utf8') !== before;
      if (changed) writeFileSync(harmless, before);
      if (changed) return through('changed a setting of the node');
      return stopped(typeof ended === 'string' ? 'refused' : 'its own null device masks');
    },
  },
  {
    name: 'have the node run a program when a control group empties (CVE-2022-0492)',
    area,
    what: 'write to release_agent and notify_on_release, mount control groups anew, after a new user namespace too',
    protection: 'read-only mount, no CAP_SYS_ADMIN, seccomp',
    async run(bed) {
      const script = [
        'for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release | head -40); do attacker write $f /tmp/x; done',
        'attacker mount cgroup /tmp memory; attacker mount cgroup2 /tmp; attacker user-namespace',
        'unshare -Urm attacker mount cgroup /tmp rdma || echo EPERM',
      ].join('; ');
      return judge((await bed.run(['sh', '-c', script])).output.replaceAll(/^unshare: .*$/gm, 'EPERM'));
    },
  },
  {
    name: 'make control groups of its own',
    area,
    what: 'directories beneath /sys/fs/cgroup, a higher limit for itself',
    protection: 'read-only mount',
    async run(bed) {
      const script =
        'for d in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | xargs -n1 dirname); do mkdir $d/x 2>/dev/null && echo ok $d || echo EROFS; done; attacker write /sys/fs/cgroup/memory/memory.limit_in_bytes -1; attacker write /sys/fs/cgroup/memory.max max';
      const { output } = await bed.run(['sh', '-c', script]);
      return judge(output);
    },
  },
];

if (!existsSync(harmless)) throw new Error(`the attacks need ${harmless}`);
