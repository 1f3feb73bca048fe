/** Programs of this machine and the libraries they need, at the same paths in the guest. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const names =
  'sh bash env which ldd sleep cat ls hostname id echo printf mkdir touch cp rm stat readlink true false ps mount umount mknod kill head tr dd wc stty grep timeout unshare chroot rmdir nsenter setpriv ip bridge wg crun runc conmon'.split(
    ' ',
  );

/** `native`: files of npm packages that are loaded as libraries. */
export function copyPrograms(target: string, native: readonly string[]): void {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) mkdirSync(join(target, 'usr', name), { recursive: true });
  for (const path of [...names.map(pathOf), process.execPath]) {
    copy(target, path);
    for (const library of librariesOf(path)) copy(target, library);
  }
  for (const library of native.flatMap((path) => librariesOf(path))) copy(target, library);
}

export function pathOf(name: string): string {
  return execFileSync('which', [name], { encoding: 'utf8' }).trim();
}

function librariesOf(path: string): string[] {
  let text = '';
  try {
    text = execFileSync('ldd', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return []; // a script, or linked statically
  }
  return [...text.matchAll(/(\/\S+)\s+\(0x/g)].map(([, library = '']) => library);
}

function copy(target: string, path: string): void {
  const to = join(target, path.replace(/^\/(?:usr\/)?/, 'usr/'));
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(path), to);
}
