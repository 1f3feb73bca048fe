// Strips the types of the simulation and of the Raft core into a directory of their own, with the patches of a mutant when asked:
// long runs then need neither Jest nor a loader, and always test the sources that lie there.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transformSync } from '@swc/core';

const root = join(import.meta.dirname, '..', '..');
const cache = join(root, 'node_modules', '.cache', 'timonel-sim');
const parts = ['test/simulation', 'plugins/store-raft/src/raft'];

function sources(directory) {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return sources(path);
    return name.endsWith('.ts') && !name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Each patch must fit exactly once: a mutant that no longer fits the source would prove nothing. */
function patched(files, patches) {
  const result = new Map(files);
  for (const { file, find, replace } of patches) {
    const text = result.get(file);
    if (text === undefined) throw new Error(`a patch names ${file}, which is not there`);
    const count = text.split(find).length - 1;
    if (count !== 1) throw new Error(`the patch of ${file} fits ${count} times, not once:\n${find}`);
    result.set(
      file,
      text.replace(find, () => replace),
    );
  }
  return result;
}

/** The directory of the compiled tree. Made once for each content. */
export function compile(patches = []) {
  const paths = parts.flatMap((part) => sources(join(root, part))).toSorted((a, b) => (a < b ? -1 : 1));
  const files = patched(new Map(paths.map((path) => [relative(root, path), readFileSync(path, 'utf8')])), patches);
  const hash = createHash('sha256')
    .update(JSON.stringify([...files]))
    .digest('hex')
    .slice(0, 16);
  const target = join(cache, hash);
  if (existsSync(target)) return target;
  const building = join(cache, `${hash}.${process.pid}`);
  for (const [file, text] of files) {
    const { code } = transformSync(text, {
      filename: file,
      sourceMaps: 'inline',
      jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    });
    const path = join(building, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code.replaceAll(/(from\s+['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
  writeFileSync(join(building, 'package.json'), '{ "type": "module" }\n');
  try {
    renameSync(building, target);
  } catch (error) {
    // Another process was first.
    if (!existsSync(target)) throw error;
    rmSync(building, { recursive: true });
  }
  return target;
}
