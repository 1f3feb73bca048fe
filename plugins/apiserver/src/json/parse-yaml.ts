/** YAML of one document, with string keys, each once in its map. */
import { CST, Lexer, parseDocument, visit, type Document } from 'yaml';

const aliasLimit = 100;
const nestingLimit = 500;

/**
 * The library recurses into what is nested, and V8 ends the whole process when the stack runs out while it compiles a pattern.
 * So depth is bounded before: by open brackets, and by the columns and indicators (`- `, `? `, `: `) in front of a line's content.
 */
function checkNesting(text: string): void {
  let brackets = 0;
  let inLine = 0;
  let content = false;
  for (const token of new Lexer().lex(text)) {
    switch (CST.tokenType(token)) {
      case 'flow-seq-start':
      case 'flow-map-start':
        brackets += 1;
        break;
      case 'flow-seq-end':
      case 'flow-map-end':
        brackets -= 1;
        break;
      case 'newline':
        inLine = 0;
        content = false;
        break;
      case 'space':
        if (!content) inLine += token.length;
        break;
      case 'seq-item-ind':
      case 'explicit-key-ind':
      case 'map-value-ind':
        inLine += 1;
        break;
      case 'comma':
        if (brackets > 0) inLine = 0;
        break;
      default:
        content = true;
    }
    if (brackets > nestingLimit || inLine > nestingLimit)
      throw new Error(`it is nested deeper than ${nestingLimit} levels`);
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
