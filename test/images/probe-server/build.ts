/** Makes the root directory of the image that containers of tests run: busybox, and the program beside this file. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const probeImage = 'timonel.test/probe-server:1';
/** What the image says, for `timonel image build`. */
export const probeImageOptions: readonly string[] = [
  '--entrypoint',
  '/bin/probe-server',
  '--entrypoint',
  'args',
  '--cmd',
  'of the image',
  '--cmd',
  'default',
  '--env',
  'PATH=/bin',
  '--env',
  'FROM_IMAGE=yes',
];

const busybox = '/bin/busybox';
const applets =
  'awk base64 cat chmod chown cut date dd df echo env false grep head hostname id kill ln ls mkdir mount mv nc nslookup ps pwd readlink rm sed seq ' +
  'sh sleep sort stat sync tail test touch tr true uname usleep wc wget';

function compile(target: string): void {
  const source = join(import.meta.dirname, 'probe-server.c');
  try {
    execFileSync('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror', '-o', target, source], {
      stdio: 'pipe',
    });
  } catch (error) {
    throw new Error('gcc cannot make a static program: apt-get install -y --no-install-recommends gcc libc6-dev', {
      cause: error,
    });
  }
}

/** Fills `root`, which does not exist yet. */
export function probeServerRoot(root: string): void {
  if (!existsSync(busybox)) {
    throw new Error(`${busybox} is missing: apt-get install -y --no-install-recommends busybox-static`);
  }
  for (const name of ['bin', 'etc', 'home', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  const bin = join(root, 'bin');
  copyFileSync(busybox, join(bin, 'busybox'));
  for (const name of applets.split(' ')) symlinkSync('busybox', join(bin, name));
  compile(join(bin, 'probe-server'));
  copyFileSync(join(bin, 'probe-server'), join(bin, 'as-root'));
  chmodSync(join(bin, 'as-root'), 0o4755);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nreader:x:1000:1000::/home:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nreader:x:1000:\n');
}
