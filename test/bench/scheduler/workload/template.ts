/** Objects from files with the expressions of Go's templates that workload files use: `{{.Index}}`, `{{DivideInt .Index 3}}`. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubeObject } from '@timonel/sdk/kube';
import { WorkloadError, type Params } from './fields.ts';
import type { Template } from './operations.ts';

type Value = string | number;

const numberOf = (value: Value): number => (typeof value === 'number' ? value : Number(value));
const sum = (values: readonly Value[]): number => values.reduce<number>((total, value) => total + numberOf(value), 0);
const product = (values: readonly Value[]): number =>
  values.reduce<number>((total, value) => total * numberOf(value), 1);
const two = (values: readonly Value[]): [number, number] => [numberOf(values[0] ?? NaN), numberOf(values[1] ?? NaN)];
const difference = (values: readonly Value[]): number => two(values)[0] - two(values)[1];
const quotient = (values: readonly Value[]): number => two(values)[0] / two(values)[1];

const functions: ReadonlyMap<string, (values: readonly Value[]) => number> = new Map([
  ['AddInt', (values) => Math.trunc(sum(values))],
  ['AddFloat', sum],
  ['SubtractInt', (values) => Math.trunc(difference(values))],
  ['SubtractFloat', difference],
  ['MultiplyInt', (values) => Math.trunc(product(values))],
  ['MultiplyFloat', product],
  ['DivideInt', (values) => Math.trunc(quotient(values))],
  ['DivideFloat', quotient],
  ['Mod', (values) => Math.trunc(two(values)[0]) % Math.trunc(two(values)[1])],
]);

type Tokens = readonly string[];

const token = /\s*(\(|\)|"[^"\\]*"|[^\s()"]+)/y;

function tokensOf(expression: string, where: string): Tokens {
  const tokens: string[] = [];
  const text = expression.trim();
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const from = token.lastIndex;
    const found = token.exec(text)?.[1];
    if (found === undefined) throw new WorkloadError(where, `{{${expression}}}: cannot read "${text.slice(from)}"`);
    tokens.push(found);
  }
  return tokens;
}

class Expression {
  readonly #tokens: Tokens;
  readonly #params: Params;
  readonly #fail: (problem: string) => never;
  #at = 0;

  constructor(expression: string, params: Params, where: string) {
    this.#params = params;
    this.#fail = (problem) => {
      throw new WorkloadError(where, `{{${expression}}}: ${problem}`);
    };
    this.#tokens = tokensOf(expression, where);
  }

  value(): Value {
    const value = this.#call();
    if (this.#at < this.#tokens.length) this.#fail(`"${this.#tokens[this.#at]}" is too much`);
    return value;
  }

  #call(): Value {
    const name = this.#tokens[this.#at] ?? '';
    const apply = functions.get(name);
    if (apply === undefined) return this.#operand();
    this.#at += 1;
    const values: Value[] = [];
    while (this.#at < this.#tokens.length && this.#tokens[this.#at] !== ')') values.push(this.#operand());
    const result = apply(values);
    return Number.isFinite(result) ? result : this.#fail('the result is no number');
  }

  #operand(): Value {
    const text = this.#tokens[this.#at++] ?? this.#fail('ends too early');
    if (text === '(') {
      const value = this.#call();
      if (this.#tokens[this.#at++] !== ')') this.#fail('a ) is missing');
      return value;
    }
    if (text.startsWith('"')) return text.slice(1, -1);
    if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
    if (!/^\.\w+$/.test(text)) return this.#fail(`unknown "${text}"; known: ${[...functions.keys()].join(', ')}`);
    const value = this.#params[text.slice(1)];
    if (typeof value === 'string' || typeof value === 'number') return value;
    return this.#fail(`there is no parameter ${text.slice(1)}`);
  }
}

const expression = /\{\{-?\s*(.*?)\s*-?\}\}/gs;

/** @throws WorkloadError */
export function renderText(text: string, params: Params, where: string): string {
  return text.replaceAll(expression, (_, inner: string) => String(new Expression(inner, params, where).value()));
}

const texts = new Map<string, string>();

function textOf({ path }: Template): string {
  const known = texts.get(path);
  if (known !== undefined) return known;
  try {
    const text = readFileSync(path, 'utf8');
    texts.set(path, text);
    return text;
  } catch (error) {
    throw new WorkloadError(path, `the template cannot be read: ${(error as Error).message}`);
  }
}

const isExpression = (text: string): boolean => text.includes('{{');

/** Makes the objects of one template: a new one with every call. */
export function objectMaker(template: Template, count: number): (index: number) => KubeObject {
  const text = textOf(template);
  const render = (index: number): KubeObject => {
    const params = { ...template.params, Index: index, Count: count };
    const object: unknown = parse(isExpression(text) ? renderText(text, params, template.path) : text);
    if (typeof object !== 'object' || object === null || !('kind' in object))
      throw new WorkloadError(template.path, 'is no object of the API');
    return { metadata: {}, ...object } as KubeObject;
  };
  if (isExpression(text)) return render;
  const model = render(0);
  return () => structuredClone(model);
}
