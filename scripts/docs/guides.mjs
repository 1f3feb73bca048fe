// Puts files into the guides: what is between `<!-- file: PATH -->` and the next `<!-- /file -->` is the file, fenced.
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fence } from './markdown.mjs';
import { read, root } from './sources.mjs';

const languages = { '.ts': 'ts', '.yaml': 'yaml', '.mjs': 'js' };
const marker = /<!-- file: (\S+) -->\n[^]*?<!-- \/file -->/g;

export function withFiles(text) {
  return text.replace(
    marker,
    (_all, path) => `<!-- file: ${path} -->\n${fence(languages[extname(path)] ?? '', read(path))}\n<!-- /file -->`,
  );
}

export function guidePages() {
  const directory = join('docs', 'guides');
  return readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => [join(root, directory, name), withFiles(read(join(directory, name)))]);
}
