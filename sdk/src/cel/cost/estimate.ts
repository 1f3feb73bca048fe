/** Costs before anything runs: a walk through the tree with sizes in the place of values. */
import type { Checked } from '../check/checked.ts';
import { foldCosts } from '../evaluate/folds.ts';
import { listCost, mapCost, messageCost } from '../evaluate/literals.ts';
import { textFactor } from '../library/overload.ts';
import { maxRequestBytes } from '../limits.ts';
import { checkedOf, type CelProgram } from '../program.ts';
import type { Ast, Call, Comprehension, ListLiteral } from '../syntax/ast.ts';
import { dynType, type CelType } from '../types/type.ts';

/** Least and greatest cost of an evaluation. */
export interface CelCostRange {
  readonly min: number;
  readonly max: number;
}

type Range = CelCostRange;

/** What is known of a part: its cost, the size of its value, and the path of the value in the variables. */
interface Estimate {
  readonly cost: Range;
  readonly size: Range;
  /** Of elements of a list, where more is known than their type says. */
  readonly element?: Range | undefined;
  readonly path?: string | undefined;
}

type Value = Omit<Estimate, 'cost'>;

/** Beyond all limits; products stay finite. */
const endless = 1e15;
const cap = (value: number): number => Math.min(value, endless);
const range = (min: number, max: number): Range => ({ min: cap(min), max: cap(max) });
const fixed = (value: number): Range => ({ min: value, max: value });
const sum = (...parts: readonly Range[]): Range =>
  parts.reduce((total, part) => range(total.min + part.min, total.max + part.max), fixed(0));
const both = (a: Range | undefined, b: Range | undefined): Range | undefined =>
  a === undefined || b === undefined ? undefined : union(a, b);
const union = (a: Range, b: Range): Range => range(Math.min(a.min, b.min), Math.max(a.max, b.max));
const times = (count: Range, each: Range): Range => range(count.min * each.min, count.max * each.max);

/** Values of requests are no longer than requests. */
function sizeOfType(type: CelType): Range {
  switch (type.kind) {
    case 'string':
    case 'bytes':
    case 'dyn':
      return range(0, type.maxLength ?? maxRequestBytes);
    case 'list':
      return range(0, type.maxItems ?? maxRequestBytes);
    case 'map':
      return range(0, type.maxProperties ?? maxRequestBytes);
    case 'optional':
      return sizeOfType(type.of);
    case 'param':
      return range(0, maxRequestBytes);
    default:
      return fixed(1);
  }
}

/** Variables of macros. */
interface Scope {
  readonly name: string;
  readonly estimate: Value;
  readonly outer: Scope | undefined;
}

class Estimator {
  readonly #checked: Checked;
  readonly #sizes: Readonly<Record<string, number>>;

  constructor(checked: Checked, sizes: Readonly<Record<string, number>>) {
    this.#checked = checked;
    this.#sizes = sizes;
  }

  of(node: Ast, scope: Scope | undefined): Estimate {
    switch (node.kind) {
      case 'literal':
        return { cost: fixed(0), size: this.#size(node) };
      case 'ident':
        return this.#ident(node, node.root ? undefined : find(scope, node.name));
      case 'select': {
        const variable = this.#checked.dotted.get(node);
        if (variable !== undefined) return this.#located(node, fixed(1), '', variable);
        const operand = this.of(node.operand, scope);
        return this.#located(node, sum(operand.cost, fixed(node.test ? 0 : 1)), operand.path, `.${node.field}`);
      }
      case 'call':
        return this.#call(node, scope);
      case 'and':
      case 'or': {
        const costs = node.terms.map((term) => this.of(term, scope).cost);
        return { cost: range(costs[0]?.min ?? 0, sum(...costs).max), size: fixed(1) };
      }
      case 'list':
        return this.#list(node, scope);
      case 'map':
        return this.#literal(
          node.entries.flatMap(({ key, value }) => [key, value]),
          mapCost,
          scope,
          node.entries.length,
        );
      case 'message':
        return this.#literal(
          node.fields.map(({ value }) => value),
          messageCost,
          scope,
        );
      case 'comprehension':
        return this.#fold(node, scope);
      case 'bind': {
        const value = this.of(node.value, scope);
        const body = this.of(node.body, { name: node.variable, estimate: value, outer: scope });
        return { ...body, cost: sum(value.cost, body.cost) };
      }
      case 'optionalMap': {
        const operand = this.of(node.operand, scope);
        const body = this.of(node.body, { name: node.variable, estimate: operand, outer: scope });
        return { ...body, cost: range(operand.cost.min + 1, operand.cost.max + 1 + body.cost.max) };
      }
    }
  }

  #size(node: Ast): Range {
    if (node.kind === 'literal' && typeof node.value === 'string') return fixed(node.value.length);
    return sizeOfType(this.#checked.types.get(node) ?? dynType);
  }

  /** What was said of the place, or else what the type says. */
  #located(node: Ast, cost: Range, parent: string | undefined, step: string): Estimate {
    const path = parent === undefined ? undefined : `${parent}${step}`;
    const stated = this.#stated(path);
    return { cost, path, size: stated === undefined ? this.#size(node) : range(0, stated) };
  }

  #ident(node: Ast & { readonly kind: 'ident' }, local: Value | undefined): Estimate {
    if (this.#checked.typeValues.has(node)) return { cost: fixed(0), size: fixed(1) };
    if (local !== undefined) return { ...local, cost: fixed(1) };
    return this.#located(node, fixed(1), '', node.name);
  }

  #list({ elements }: ListLiteral, scope: Scope | undefined): Estimate {
    const parts = elements.map(({ value }) => this.of(value, scope));
    const least = elements.filter(({ optional }) => !optional).length;
    return {
      cost: sum(fixed(listCost), ...parts.map(({ cost }) => cost)),
      size: range(least, elements.length),
      element: parts.length === 0 ? undefined : parts.map(({ size }) => size).reduce(union),
    };
  }

  #literal(parts: readonly Ast[], own: number, scope: Scope | undefined, size = parts.length): Estimate {
    return { cost: sum(fixed(own), ...parts.map((part) => this.of(part, scope).cost)), size: range(0, size) };
  }

  #call(node: Call, scope: Scope | undefined): Estimate {
    const target = node.target === undefined || this.#checked.namespaced.has(node) ? [] : [node.target];
    const args = [...target, ...node.args].map((part) => this.of(part, scope));
    const costs = sum(...args.map(({ cost }) => cost));
    const [first, second, third] = args;
    if (node.name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined)
      return {
        cost: sum(first.cost, union(second.cost, third.cost)),
        size: union(second.size, third.size),
        element: both(second.element, third.element),
      };
    if ((node.name === '_[_]' || node.name === '_[?_]') && node.target === undefined)
      return this.#indexed(node, costs, first);
    return { cost: sum(costs, this.#own(node, args)), ...this.#result(node, args) };
  }

  #indexed(node: Call, costs: Range, container: Estimate | undefined): Estimate {
    const place = this.#located(node, sum(costs, fixed(1)), container?.path, this.#element(node));
    const stated = this.#stated(place.path) !== undefined;
    return stated || container?.element === undefined ? place : { ...place, size: container.element };
  }

  #element(node: Call): string {
    const [container] = node.args;
    const type = container === undefined ? undefined : this.#checked.types.get(container);
    return type?.kind === 'map' ? '.@values' : '.@items';
  }

  /** Of the call itself: the least and the most of the overloads that may be meant. */
  #own(node: Call, args: readonly Estimate[]): Range {
    const least = args.map(({ size }) => size.min);
    const most = args.map(({ size }) => size.max);
    const all = (this.#checked.overloads.get(node) ?? []).map(({ cost, traverses }) => {
      const own = cost === undefined ? fixed(1) : range(Math.max(1, cost(...least)), Math.max(1, cost(...most)));
      return traverses === true ? range(own.min, Math.max(own.max, this.#traversal(node, args[0]))) : own;
    });
    return all.length === 0 ? fixed(1) : all.reduce(union);
  }

  /** Of all elements of the first argument, and of the letters of those that are texts. */
  #traversal(node: Call, list: Estimate | undefined): number {
    const type = this.#checked.types.get(node.target ?? node);
    const element = type?.kind === 'list' ? type.element : dynType;
    const isText = element.kind !== 'int' && element.kind !== 'uint' && element.kind !== 'double';
    const stated = this.#stated(list?.path === undefined ? undefined : `${list.path}.@items`);
    const size = stated ?? (list?.element ?? sizeOfType(element)).max;
    const letters = isText ? Math.ceil(size * textFactor) : 0;
    return cap((list?.size.max ?? 1) * (1 + letters));
  }

  #stated(path: string | undefined): number | undefined {
    return path !== undefined && Object.hasOwn(this.#sizes, path) ? this.#sizes[path] : undefined;
  }

  #result(node: Call, args: readonly Estimate[]): Value {
    const [first, second] = args;
    if (node.name === 'split') return { size: this.#resultSize(node, args), element: range(0, first?.size.max ?? 0) };
    if (node.name === 'join' && first?.element !== undefined)
      return { size: range(0, first.size.max * (first.element.max + (second?.size.max ?? 0))) };
    const kept = node.name === '_+_' ? both(first?.element, second?.element) : undefined;
    return { size: this.#resultSize(node, args), element: kept };
  }

  #resultSize(node: Call, args: readonly Estimate[]): Range {
    const declared = this.#size(node);
    const most = args.map(({ size }) => size.max);
    const known = (this.#checked.overloads.get(node) ?? []).map(({ resultSize }) => resultSize?.(...most));
    if (known.length === 0 || known.includes(undefined)) return declared;
    return range(0, Math.max(...known.map((size) => size ?? 0)));
  }

  #fold(node: Comprehension, scope: Scope | undefined): Estimate {
    const over = this.of(node.range, scope);
    const type = this.#checked.types.get(node.range) ?? dynType;
    const inner = this.#variables(node, type, over, scope);
    const { once, round, kept } = foldCosts[node.fold];
    const condition = node.condition === undefined ? undefined : this.of(node.condition, inner);
    const transform = node.transform === undefined ? undefined : this.of(node.transform, inner);
    const free = fixed(0);
    const body = sum(range(round, round + kept), condition?.cost ?? free, transform?.cost ?? free);
    const rounds =
      node.fold === 'all' || node.fold === 'exists' ? range(Math.min(1, over.size.min), over.size.max) : over.size;
    const size = ['all', 'exists', 'exists_one'].includes(node.fold) ? fixed(1) : range(0, over.size.max);
    const element = transform?.size ?? (node.fold === 'filter' ? inner.estimate.size : undefined);
    return { cost: sum(over.cost, fixed(once), times(rounds, body)), size, element };
  }

  #variables(node: Comprehension, type: CelType, { path, element }: Value, scope: Scope | undefined): Scope {
    const at = (step: string, of: CelType): Value => {
      const own = path === undefined ? undefined : `${path}.${step}`;
      const stated = this.#stated(own);
      return { path: own, size: stated === undefined ? sizeOfType(of) : range(0, stated) };
    };
    const isMap = type.kind === 'map';
    const declared = at('@items', type.kind === 'list' ? type.element : dynType);
    const item = element === undefined ? declared : { ...declared, size: element };
    const value = isMap ? at('@values', type.value) : item;
    const key = isMap ? at('@keys', type.key) : { size: type.kind === 'list' ? fixed(1) : sizeOfType(dynType) };
    const single = isMap ? key : value;
    const first = { name: node.variable, estimate: node.second === undefined ? single : key, outer: scope };
    return node.second === undefined ? first : { name: node.second, estimate: value, outer: first };
  }
}

function find(scope: Scope | undefined, name: string): Value | undefined {
  for (let at = scope; at !== undefined; at = at.outer) if (at.name === name) return at.estimate;
  return undefined;
}

/**
 * The worst case for values of the declared types, whose schemas say how large they get (`maxLength`, `maxItems`, `maxProperties`, or
 * else what fits into a request). `sizes` states more: characters or elements of values by their path, such as `self.items` or
 * `self.names.@items` (elements of a list; `@keys` and `@values` of a map).
 */
export function estimateCost(program: CelProgram, sizes: Readonly<Record<string, number>> = {}): CelCostRange {
  const checked = checkedOf(program);
  return new Estimator(checked, sizes).of(checked.ast, undefined).cost;
}
