/** Trees of expressions, with macros as nodes of their own. */
import type { CelValue } from '../values/value.ts';

interface Node {
  /** Offset in the text. */
  readonly at: number;
  readonly depth: number;
}

export interface Literal extends Node {
  readonly kind: 'literal';
  readonly value: CelValue;
}
export interface Ident extends Node {
  readonly kind: 'ident';
  readonly name: string;
  /** Written with a dot before it: variables of macros do not hide it. */
  readonly root: boolean;
}
export interface Select extends Node {
  readonly kind: 'select';
  readonly operand: Ast;
  readonly field: string;
  /** `a.?b` */
  readonly optional: boolean;
  /** `has(a.b)` */
  readonly test: boolean;
}
export interface Call extends Node {
  readonly kind: 'call';
  readonly name: string;
  readonly target?: Ast;
  readonly args: readonly Ast[];
}
/** `a && b && c`, as one node. */
export interface Logical extends Node {
  readonly kind: 'and' | 'or';
  readonly terms: readonly Ast[];
}
export interface Element {
  readonly value: Ast;
  /** `[?a]` */
  readonly optional: boolean;
}
export interface ListLiteral extends Node {
  readonly kind: 'list';
  readonly elements: readonly Element[];
}
export interface MapLiteral extends Node {
  readonly kind: 'map';
  readonly entries: readonly (Element & { readonly key: Ast })[];
}
export interface MessageLiteral extends Node {
  readonly kind: 'message';
  readonly type: string;
  readonly fields: readonly (Element & { readonly name: string; readonly at: number })[];
}
export type Fold =
  | 'all'
  | 'exists'
  | 'exists_one'
  | 'filter'
  | 'map'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry';
export interface Comprehension extends Node {
  readonly kind: 'comprehension';
  readonly fold: Fold;
  readonly range: Ast;
  readonly variable: string;
  /** Of macros with two variables: the value, where the first is the index or key. */
  readonly second?: string;
  readonly condition?: Ast;
  readonly transform?: Ast;
}
export interface Bind extends Node {
  readonly kind: 'bind';
  readonly variable: string;
  readonly value: Ast;
  readonly body: Ast;
}
/** `a.optMap(x, e)`, `a.optFlatMap(x, e)` */
export interface OptionalMap extends Node {
  readonly kind: 'optionalMap';
  readonly flat: boolean;
  readonly operand: Ast;
  readonly variable: string;
  readonly body: Ast;
}

export type Ast =
  | Literal
  | Ident
  | Select
  | Call
  | Logical
  | ListLiteral
  | MapLiteral
  | MessageLiteral
  | Comprehension
  | Bind
  | OptionalMap;

/** `a.b.c` for a chain of plain names. */
export function dottedName(node: Ast): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.optional || node.test) return undefined;
  const operand = dottedName(node.operand);
  return operand === undefined ? undefined : `${operand}.${node.field}`;
}

/** The name that a dotted name begins with. */
export function rootOf(node: Ast): Ident | undefined {
  if (node.kind === 'ident') return node;
  return node.kind === 'select' ? rootOf(node.operand) : undefined;
}
