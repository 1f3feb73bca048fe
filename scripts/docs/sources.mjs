// Where the facts come from: modules of the built tree, and comments of the sources.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = join(import.meta.dirname, '..', '..');

export function load(path) {
  return import(pathToFileURL(join(root, path)).href);
}

export function read(path) {
  return readFileSync(join(root, path), 'utf8');
}

export function folders(path) {
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function textOf(comment) {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
    .filter((line) => line !== '')
    .join(' ')
    .trim();
}

/** The doc comment right before the first place where `pattern` (a regular expression's source) matches. */
export function commentBefore(text, pattern) {
  const match = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*${pattern}`).exec(text);
  return match === null ? undefined : textOf(match[1]);
}

/** The members of an exported union of string literals, as a declaration file has it. */
export function unionOf(path, type) {
  const match = new RegExp(`type ${type} =([^;]*);`).exec(read(path));
  if (match === null) throw new Error(`${path} has no type ${type}`);
  return [...match[1].matchAll(/'([^']+)'/g)].map(([, member]) => member);
}

/** Every plugin that ships, by name; those that are still empty are left out. */
export async function shippedPlugins() {
  const { catalogue } = await load('cli/dist/cluster/catalogue.js');
  const plugins = new Map();
  for (const name of Object.keys(catalogue).sort()) {
    const { default: definition } = await catalogue[name]();
    if (definition !== undefined) plugins.set(name, definition);
  }
  return plugins;
}

/** All sources of a plugin that may say something about its configuration. */
export function pluginSources(name) {
  const directory = join('plugins', name, 'src');
  if (!existsSync(join(root, directory))) return '';
  return readdirSync(join(root, directory))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort((a, b) => Number(b === 'config.ts') - Number(a === 'config.ts') || (a < b ? -1 : 1))
    .map((file) => read(join(directory, file)))
    .filter((text) => text.includes("from 'zod'"))
    .join('\n');
}
