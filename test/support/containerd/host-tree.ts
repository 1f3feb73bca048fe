import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const programs = 'sh readlink sleep cat ls id env echo rm stat true kill head dd stty hostname'.split(' ');

/** A root directory with a few programs of this host and the libraries they need; `node` is large. */
export function makeHostTree(root: string, options: { readonly node: boolean }): void {
  for (const name of ['usr/bin', 'usr/lib', 'usr/lib64', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  for (const name of programs) copyProgram(root, execFileSync('which', [name], { encoding: 'utf8' }).trim(), name);
  if (options.node) copyProgram(root, process.execPath, 'node');
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nana:x:1234:1234::/home/ana:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nana:x:1234:\nsailors:x:2345:ana\n');
}

function copyProgram(root: string, path: string, name: string): void {
  cpSync(realpathSync(path), join(root, 'usr/bin', name), { dereference: true });
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' });
  for (const [, library = ''] of libraries.matchAll(/(\/\S+)\s+\(0x/g)) {
    const target = join(root, library.replace(/^\/(?:usr\/)?lib/, 'usr/lib'));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(library), join(dirname(target), basename(library)), { dereference: true });
  }
}
