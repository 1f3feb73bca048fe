/** Parts of trees. */
import type { Ast } from '../syntax/ast.ts';
import type { Checked } from './checked.ts';

export function childrenOf(node: Ast): readonly Ast[] {
  switch (node.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [node.operand];
    case 'call':
      return node.target === undefined ? node.args : [node.target, ...node.args];
    case 'and':
    case 'or':
      return node.terms;
    case 'list':
      return node.elements.map(({ value }) => value);
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'message':
      return node.fields.map(({ value }) => value);
    case 'comprehension':
      return [node.range, node.condition, node.transform].filter((part) => part !== undefined);
    case 'bind':
      return [node.value, node.body];
    case 'optionalMap':
      return [node.operand, node.body];
  }
}

/** Every node, those above first. */
export function* nodesOf(root: Ast): Generator<Ast> {
  const rest = [root];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    yield node;
    rest.push(...childrenOf(node));
  }
}

/** Names that occur, among them those of variables of macros. */
export function variablesOf({ ast, dotted }: Checked): ReadonlySet<string> {
  const names = new Set<string>(dotted.values());
  for (const node of nodesOf(ast)) if (node.kind === 'ident') names.add(node.name);
  return names;
}
