// Reads one model of @kubernetes/client-node: types from its attribute type map, the rest from its declaration file.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** Directory of the generated part of the package. */
export const generatedDirectory = join(dirname(require.resolve('@kubernetes/client-node')), 'gen');

function unescape(text) {
  return text.replaceAll(/\\(['"])/g, '$1').trim();
}

/** The first sentence. Abbreviations within it (e.g., i.e.) do not end it. */
export function firstSentence(text) {
  const match = /^.*?[^.](?<!\b(?:e\.g|i\.e|etc|vs))\.(?=\s+[A-Z`"'(]|\s*$)/s.exec(text);
  return (match?.[0] ?? text).replaceAll(/\s+/g, ' ').trim();
}

const property = /(?:\/\*\*\s*\n\s*\*\s?([^]*?)\*\/\s*)?'([^'\n]+)'(\?)?: /g;

/** @returns {Promise<{ description: string, fields: { name: string, type: string, format: string, required: boolean, description: string }[] }>} */
export async function readModel(name) {
  const path = join(generatedDirectory, 'models', name);
  const declaration = readFileSync(`${path}.d.ts`, 'utf8');
  const module = await import(pathToFileURL(`${path}.js`).href);
  const start = declaration.indexOf(`export declare class ${name} `);
  if (start < 0) throw new Error(`${name}.d.ts declares no class ${name}: the layout of the package has changed`);
  const comment = /\/\*\*\s*\n\*\s?([^]*?)\*\/\s*$/.exec(declaration.slice(0, start).split('import ').at(-1) ?? '');
  const seen = new Map();
  for (const match of declaration.slice(start).matchAll(property)) {
    seen.set(match[2], { required: match[3] === undefined, description: firstSentence(unescape(match[1] ?? '')) });
  }
  const fields = module[name].attributeTypeMap.map((attribute) => {
    const found = seen.get(attribute.name);
    if (found === undefined)
      throw new Error(`${name}.d.ts has no field ${attribute.name}: the layout of the package has changed`);
    return { name: attribute.baseName, type: attribute.type, format: attribute.format, ...found };
  });
  return { description: firstSentence(unescape(comment?.[1] ?? '')), fields };
}

/**
 * The kinds of an API class, with the group and version that its path templates name.
 * @returns {{ group: string, version: string, models: string[] }}
 */
export function readApi(apiClass) {
  const text = readFileSync(join(generatedDirectory, 'apis', `${apiClass}.js`), 'utf8');
  const path = /localVarPath = '\/(?:api|apis\/([^/']+))\/([^/']+)\//.exec(text);
  if (path === null) throw new Error(`${apiClass}.js has no path template: the layout of the package has changed`);
  const models = new Set([...text.matchAll(/deserialize\([^;]*?, "(\w+)", ""\)/g)].map((match) => match[1]));
  return { group: path[1] ?? '', version: path[2], models: [...models] };
}
