/** YAML of one document, with string keys, each once in its map. */
import { parseDocument, visit, type Document } from 'yaml';

const aliasLimit = 100;

/** The library compares each key with all before it, which blocks for minutes on a map with many. */
function checkUniqueKeys(document: Document): void {
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<string>();
      for (const { key } of items) {
        const text = String(key);
        if (keys.has(text)) throw new Error(`Map keys must be unique: ${JSON.stringify(text.slice(0, 64))}`);
        keys.add(text);
      }
    },
  });
}

/** @throws Error that names what is wrong */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false, stringKeys: true, logLevel: 'error' });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  checkUniqueKeys(document);
  return document.toJS({ maxAliasCount: aliasLimit });
}
