/** From text to a tree: the grammar of cel-spec by recursive descent, one token ahead. */
import { maxDepth } from '../limits.ts';
import type { Ast, Element } from './ast.ts';
import { dottedName } from './ast.ts';
import { build } from './build.ts';
import { tokensOf, type Token } from './lexer.ts';
import { numberLiteral, textLiteral } from './literals.ts';
import { expandMacro, type MacroSet } from './macros.ts';
import { CelSyntaxError } from './problem.ts';

const startOfExpression =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

const reserved: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const keywords: ReadonlySet<string> = new Set(['true', 'false', 'null', 'in']);

const relations: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);
const sums: ReadonlySet<string> = new Set(['+', '-']);
const products: ReadonlySet<string> = new Set(['*', '/', '%']);

const operator = (symbol: string): string => (symbol === 'in' ? '@in' : `_${symbol}_`);

export class Parser {
  readonly #tokens: readonly Token[];
  readonly #macros: MacroSet;
  #next = 0;
  #depth = 0;

  /** @throws CelSyntaxError */
  constructor(text: string, macros: MacroSet) {
    this.#tokens = tokensOf(text);
    this.#macros = macros;
  }

  /** The whole text as one expression. @throws CelSyntaxError */
  parse(): Ast {
    const expression = this.#expression();
    if (this.#peek().kind !== 'end') this.#fail('<EOF>', 'extraneous');
    return expression;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #advance(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  #is(symbol: string): boolean {
    const { kind, text } = this.#peek();
    return text === symbol && (kind === 'punctuation' || (kind === 'ident' && symbol === 'in'));
  }

  #take(symbol: string): boolean {
    if (!this.#is(symbol)) return false;
    this.#next += 1;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) this.#fail(`'${symbol}'`);
  }

  #fail(expected: string, kind = 'mismatched'): never {
    const { text, at } = this.#peek();
    throw new CelSyntaxError(`Syntax error: ${kind} input '${text.slice(0, 40)}' expecting ${expected}`, at);
  }

  #expression(): Ast {
    this.#depth += 1;
    if (this.#depth > maxDepth)
      throw new CelSyntaxError(`expression recursion limit exceeded: ${maxDepth}`, this.#peek().at);
    const condition = this.#logical('||', 'or', () => this.#logical('&&', 'and', () => this.#relation()));
    const { at } = this.#peek();
    const result = this.#take('?') ? this.#conditional(condition, at) : condition;
    this.#depth -= 1;
    return result;
  }

  #conditional(condition: Ast, at: number): Ast {
    const whenTrue = this.#expression();
    this.#expect(':');
    const args = [condition, whenTrue, this.#expression()];
    return build({ kind: 'call', at, name: '_?_:_', args }, ...args);
  }

  #logical(symbol: string, kind: 'and' | 'or', operand: () => Ast): Ast {
    const first = operand();
    const { at } = this.#peek();
    if (!this.#is(symbol)) return first;
    const terms = [first];
    while (this.#take(symbol)) terms.push(operand());
    return build({ kind, at, terms }, ...terms);
  }

  #chain(symbols: ReadonlySet<string>, operand: () => Ast): Ast {
    let left = operand();
    while (symbols.has(this.#peek().text) && this.#is(this.#peek().text)) {
      const { text, at } = this.#advance();
      const args = [left, operand()];
      left = build({ kind: 'call', at, name: operator(text), args }, ...args);
    }
    return left;
  }

  #relation(): Ast {
    return this.#chain(relations, () => this.#chain(sums, () => this.#chain(products, () => this.#unary())));
  }

  #unary(): Ast {
    const { at, text } = this.#peek();
    if (!this.#is('!') && !this.#is('-')) return this.#member(this.#primary());
    let count = 0;
    while (this.#take(text)) count += 1;
    const number = this.#peek();
    if (text === '-' && count === 1 && number.kind === 'number') {
      this.#advance();
      return this.#member(build({ kind: 'literal', at, value: numberLiteral(number.text, true, at) }));
    }
    // The other of the two signs may follow.
    const operand = this.#nested(() => this.#unary());
    if (count % 2 === 0) return operand;
    return build({ kind: 'call', at, name: text === '!' ? '!_' : '-_', args: [operand] }, operand);
  }

  #nested(read: () => Ast): Ast {
    this.#depth += 1;
    if (this.#depth > maxDepth)
      throw new CelSyntaxError(`expression recursion limit exceeded: ${maxDepth}`, this.#peek().at);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #member(primary: Ast): Ast {
    let node = primary;
    for (;;) {
      const { at } = this.#peek();
      if (this.#take('.')) node = this.#selection(node, at);
      else if (this.#take('[')) node = this.#index(node, at);
      else if (this.#is('{') && dottedName(node) !== undefined) node = this.#message(node);
      else return node;
    }
  }

  #selection(operand: Ast, at: number): Ast {
    const optional = this.#macros.optional && this.#take('?');
    const field = this.#peek();
    if (field.kind !== 'ident' || keywords.has(field.text)) this.#fail(optional ? 'IDENTIFIER' : "{'?', IDENTIFIER}");
    this.#advance();
    const open = this.#peek().at;
    if (optional || !this.#take('('))
      return build({ kind: 'select', at, operand, field: field.text, optional, test: false }, operand);
    const args = this.#list(')');
    const call = { at: open, name: field.text, target: operand, args };
    return expandMacro(call, this.#macros) ?? build({ kind: 'call', ...call }, operand, ...args);
  }

  #index(operand: Ast, at: number): Ast {
    const optional = this.#macros.optional && this.#take('?');
    const args = [operand, this.#expression()];
    this.#expect(']');
    return build({ kind: 'call', at, name: optional ? '_[?_]' : '_[_]', args }, ...args);
  }

  /** Expressions with commas between them, up to the closing symbol. */
  #list(close: string): Ast[] {
    const args: Ast[] = [];
    if (this.#take(close)) return args;
    do args.push(this.#expression());
    while (this.#take(','));
    this.#expect(close);
    return args;
  }

  #primary(): Ast {
    const { kind, text, at } = this.#peek();
    if (kind === 'number') {
      this.#advance();
      return build({ kind: 'literal', at, value: numberLiteral(text, false, at) });
    }
    if (kind === 'text') {
      this.#advance();
      return build({ kind: 'literal', at, value: textLiteral(text, at) });
    }
    if (this.#take('(')) {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    if (this.#take('[')) return this.#listLiteral(at);
    if (this.#take('{')) return this.#mapLiteral(at);
    const root = this.#take('.');
    if (this.#peek().kind !== 'ident' || this.#is('in')) this.#fail(root ? 'IDENTIFIER' : startOfExpression);
    return this.#name(root, at);
  }

  #name(root: boolean, at: number): Ast {
    const { text } = this.#advance();
    if (text === 'true' || text === 'false') return build({ kind: 'literal', at, value: text === 'true' });
    if (text === 'null') return build({ kind: 'literal', at, value: null });
    if (reserved.has(text)) throw new CelSyntaxError(`reserved identifier: ${text}`, at);
    const open = this.#peek().at;
    if (!this.#take('(')) return build({ kind: 'ident', at, name: text, root });
    const args = this.#list(')');
    const call = { at: open, name: text, args };
    return expandMacro({ ...call, target: undefined }, this.#macros) ?? build({ kind: 'call', ...call }, ...args);
  }

  /** `?` before an element, where optional values are known. */
  #marked(): boolean {
    return this.#macros.optional && this.#take('?');
  }

  #listLiteral(at: number): Ast {
    const elements: Element[] = [];
    while (!this.#take(']')) {
      const optional = this.#marked();
      elements.push({ optional, value: this.#expression() });
      if (!this.#is(']')) this.#expect(',');
    }
    return build({ kind: 'list', at, elements }, ...elements.map(({ value }) => value));
  }

  #mapLiteral(at: number): Ast {
    const entries: (Element & { key: Ast })[] = [];
    while (!this.#take('}')) {
      const optional = this.#marked();
      const key = this.#expression();
      this.#expect(':');
      entries.push({ optional, key, value: this.#expression() });
      if (!this.#is('}')) this.#expect(',');
    }
    return build({ kind: 'map', at, entries }, ...entries.flatMap(({ key, value }) => [key, value]));
  }

  #message(name: Ast): Ast {
    const { at } = this.#advance();
    const fields: (Element & { name: string; at: number })[] = [];
    while (!this.#take('}')) {
      const optional = this.#marked();
      const field = this.#peek();
      if (field.kind !== 'ident' || keywords.has(field.text)) this.#fail("{'}', ',', '?', IDENTIFIER}");
      this.#advance();
      this.#expect(':');
      fields.push({ optional, name: field.text, at: field.at, value: this.#expression() });
      if (!this.#is('}')) this.#expect(',');
    }
    const type = dottedName(name) ?? '';
    return build({ kind: 'message', at, type, fields }, ...fields.map(({ value }) => value));
  }
}
