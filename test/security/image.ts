import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const sources = join(import.meta.dirname, 'attacker');
const directories = 'bin etc tmp proc sys dev root vol'.split(' ');

/** A root with busybox and the attacker's program, which it builds. @throws Error that names the Debian package that is missing */
export function makeAttackerRoot(root: string): void {
  for (const name of directories) mkdirSync(join(root, name), { recursive: true });
  const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('the attacks need busybox (Debian: apt install busybox-static)');
  copyFileSync(busybox, join(root, 'bin/busybox'));
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  }
  buildAttacker(join(root, 'bin/attacker'));
  copyFileSync(join(root, 'bin/attacker'), join(root, 'bin/attacker-of-root'));
  chmodSync(join(root, 'bin/attacker-of-root'), 0o4755);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nana:x:1234:1234::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nana:x:1234:\n');
}

function buildAttacker(path: string): void {
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'));
  const flags = ['-static', '-O1', '-D_GNU_SOURCE', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', path];
  try {
    execFileSync('gcc', [...flags, ...files], { cwd: sources, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`the attacker cannot be built (Debian: apt install gcc libc6-dev): ${String(error)}`, {
      cause: error,
    });
  }
}
