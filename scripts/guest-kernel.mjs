// Fetches Debian's kernel for the guests of test/guest into .cache/guest-kernel: `node scripts/guest-kernel.mjs`. It is unpacked
// there, not installed. Does nothing when it is there already.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '..', '.cache');
const target = join(cache, 'guest-kernel');
const meta = 'linux-image-cloud-amd64';

function output(program, args, cwd) {
  return execFileSync(program, args, { encoding: 'utf8', cwd, stdio: ['ignore', 'pipe', 'ignore'] });
}

/** The package that the one without a version stands for. Where apt has no lists yet, they are fetched. */
function packageName() {
  const named = () => /Depends: (linux-image-\S+)/.exec(output('apt-cache', ['depends', meta]))?.[1];
  try {
    const name = named();
    if (name !== undefined) return name;
  } catch {
    // an unknown package is an error to it
  }
  output('apt-get', ['update', '-qq']);
  const name = named();
  if (name === undefined) throw new Error(`there is no package ${meta}`);
  return name;
}

if (!existsSync(join(target, 'boot'))) {
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'kernel-'));
  try {
    output('apt-get', ['download', packageName()], directory);
    const file = readdirSync(directory).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get download left no package');
    output('dpkg-deb', ['--extract', file, 'root'], directory);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(directory, 'root'), target);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
console.log(readdirSync(join(target, 'boot')).find((name) => name.startsWith('vmlinuz-')));
