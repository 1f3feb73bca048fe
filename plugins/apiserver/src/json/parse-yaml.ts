/** YAML of one document, with string keys, each once in its map. */
import { Lexer, parseDocument, Parser, visit, type Document } from 'yaml';

const aliasLimit = 100;
const nestingLimit = 500;

/**
 * The library recurses into what is nested, and V8 ends the whole process when the stack runs out while it compiles a pattern.
 * So depth is bounded before, by what its parser has open at any moment.
 */
function checkNesting(text: string): void {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) void token;
    if (parser.stack.length > nestingLimit) throw new Error(`it is nested deeper than ${nestingLimit} levels`);
  }
}

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
  checkNesting(text);
  const document = parseDocument(text, { uniqueKeys: false, stringKeys: true, logLevel: 'error' });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  checkUniqueKeys(document);
  return document.toJS({ maxAliasCount: aliasLimit });
}
