import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';

const programs =
  'sh sleep cat ls hostname id env echo printf mkdir touch rm stat readlink true false ps mount mknod kill head tr dd wc stty bash unshare ln chmod'.split(
    ' ',
  );

/** A root with these programs that is there already, on the file system of the temporary directory: they are linked. */
const linkedRoot = process.env['TIMONEL_TEST_ROOT'];

export interface TestImage {
  readonly image: RootFilesystem;
  readonly layer: string;
  remove(): void;
}

/** One layer with a few programs of this host and the libraries they need. */
export function makeHostImage(prefix = 'timonel-rl-image-'): TestImage {
  const layer = mkdtempSync(join(tmpdir(), prefix));
  if (linkedRoot !== undefined) execFileSync('cp', ['-al', join(linkedRoot, 'usr'), layer]);
  for (const name of ['usr/bin', 'usr/lib', 'usr/lib64', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root']) {
    mkdirSync(join(layer, name), { recursive: true });
  }
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(layer, name));
  if (linkedRoot === undefined) copyPrograms(layer);
  writeFileSync(join(layer, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nana:x:1234:1234::/home/ana:/bin/sh\n');
  writeFileSync(join(layer, 'etc/group'), 'root:x:0:\nana:x:1234:\nsailors:x:2345:ana\n');
  writeFileSync(join(layer, 'etc/not-executable'), 'text\n', { mode: 0o644 });
  const image = { imageId: 'sha256:test', reference: 'timonel.local/test:host', layers: [layer] };
  return { image, layer, remove: () => rmSync(layer, { recursive: true, force: true }) };
}

function copyPrograms(layer: string): void {
  for (const name of programs) copyProgram(layer, execFileSync('which', [name], { encoding: 'utf8' }).trim(), name);
  copyProgram(layer, process.execPath, 'node');
}

function copyProgram(layer: string, path: string, name: string): void {
  cpSync(realpathSync(path), join(layer, 'usr/bin', name), { dereference: true });
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' });
  for (const [, library = ''] of libraries.matchAll(/(\/\S+)\s+\(0x/g)) {
    const target = join(layer, library.replace(/^\/(?:usr\/)?lib/, 'usr/lib'));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(library), join(dirname(target), basename(library)), { dereference: true });
  }
}
