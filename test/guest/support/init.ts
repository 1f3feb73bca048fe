/** What the guest does from its first process on. */
import { basename } from 'node:path';
import { character, cpioArchive, directory, file } from './cpio.ts';
import type { GuestKernel } from './kernel.ts';
import { pathOf } from './programs.ts';

/** The first root: loads the modules that the disk needs, and goes on there. */
export function firstRoot(kernel: GuestKernel): Buffer {
  const load = kernel.modules.map((path) => `insmod /modules/${basename(path)}`);
  const script = [
    '#!/bin/busybox sh',
    '/bin/busybox --install -s /bin',
    'mount -t devtmpfs dev /dev',
    ...load,
    'i=0; while [ ! -b /dev/vda ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done',
    'mount -t ext4 /dev/vda /root || { echo "guest: no disk"; poweroff -f; }',
    'exec switch_root /root /init',
    '',
  ].join('\n');
  return cpioArchive([
    ...['bin', 'dev', 'root', 'modules'].map(directory),
    character('dev/console', 5, 1),
    file('bin/busybox', pathOf('busybox')),
    ...kernel.modules.map((path) => file(`modules/${basename(path)}`, path, 0o644)),
    file('init', Buffer.from(script)),
  ]);
}

/**
 * On the disk. cgroup v2 alone is mounted, and the tests run in a group of their own, as those of a service do. The second disk takes
 * the results: 16 digits, their length in bytes, before them.
 */
export function initScript(): string {
  return `#!/bin/busybox sh
export PATH=/usr/bin:/usr/sbin HOME=/root TMPDIR=/tmp TIMONEL_TEST_ROOT=/
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mkdir -p /dev/shm /dev/pts
busybox mount -t devpts -o ptmxmode=0666 pts /dev/pts
busybox mount -t tmpfs -o mode=1777 tmp /dev/shm
busybox mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
busybox ifconfig lo up
busybox hostname guest
cd /timonel
node --disable-warning=ExperimentalWarning --experimental-vm-modules node_modules/jest/bin/jest.js \\
  --runInBand --json --outputFile=/tmp/result.json >/dev/null 2>/tmp/jest.txt
echo "guest: the tests ended with $?"
[ -f /tmp/result.json ] || { busybox tail -n 60 /tmp/jest.txt; busybox poweroff -f; }
busybox printf '%016d' "$(busybox stat -c %s /tmp/result.json)" >/tmp/length
busybox cat /tmp/length /tmp/result.json >/dev/vdb
busybox sync
busybox poweroff -f
`;
}
