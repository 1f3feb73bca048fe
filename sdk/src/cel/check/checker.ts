/** Types of all parts of an expression, by the rules and in the words of cel-go. */
import type { CelEnvironment } from '../environment.ts';
import type { Overload } from '../library/overload.ts';
import { dottedName, rootOf, type Ast, type Call, type Select } from '../syntax/ast.ts';
import {
  boolType,
  dynType,
  errorType,
  optionalType,
  typeName,
  typeType,
  type CelObjectType,
  type CelType,
} from '../types/type.ts';
import type { Checked } from './checked.ts';
import { vocabulary, type Vocabulary } from './functions.ts';
import { checkList, checkMap, checkMessage, literalType } from './aggregates.ts';
import { checkComprehension } from './comprehensions.ts';
import { Scope } from './scope.ts';
import { instantiate, Substitution } from './substitution.ts';

interface Problem {
  readonly at: number;
  readonly message: string;
}

export class Checker {
  readonly environment: CelEnvironment;
  readonly vocabulary: Vocabulary;
  substitution: Substitution = new Substitution();
  readonly problems: Problem[] = [];
  readonly #types = new Map<Ast, CelType>();
  readonly #overloads = new Map<Call, readonly Overload[]>();
  readonly #namespaced = new Set<Call>();
  readonly #typeValues = new Map<Ast, CelType>();
  readonly #dotted = new Map<Ast, string>();
  readonly messages: Map<Ast, CelObjectType> = new Map();
  #fresh = 0;
  #mixed: boolean;

  constructor(environment: CelEnvironment) {
    this.environment = environment;
    this.vocabulary = vocabulary(environment);
    this.#mixed = environment.mixedLiterals === true;
  }

  check(ast: Ast): Checked {
    this.type(ast, new Scope());
    for (const [node, type] of this.#types) this.#types.set(node, this.substitution.apply(type, true));
    return {
      ast,
      types: this.#types,
      overloads: this.#overloads,
      namespaced: this.#namespaced,
      typeValues: this.#typeValues,
      dotted: this.#dotted,
      messages: this.messages,
    };
  }

  fail(at: number, message: string): CelType {
    this.problems.push({ at, message });
    return errorType;
  }

  param(): CelType {
    this.#fresh += 1;
    return { kind: 'param', name: `_var${this.#fresh}` };
  }

  type(node: Ast, scope: Scope): CelType {
    const type = this.substitution.apply(this.#typeOf(node, scope));
    this.#types.set(node, type);
    return type;
  }

  #typeOf(node: Ast, scope: Scope): CelType {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'ident':
        return this.#ident(node.name, node.root, scope) ?? this.#typeValue(node) ?? this.undeclared(node, node.name);
      case 'select':
        return this.#select(node, scope);
      case 'call':
        return this.#call(node, scope);
      case 'and':
      case 'or':
        return this.#logical(
          node.at,
          node.kind,
          node.terms.map((term) => this.type(term, scope)),
        );
      case 'list':
        return checkList(this, node, scope);
      case 'map':
        return checkMap(this, node, scope);
      case 'message':
        return checkMessage(this, node, scope);
      case 'comprehension':
        return checkComprehension(this, node, scope);
      case 'bind': {
        const value = this.type(node.value, scope);
        return this.type(node.body, scope.with(node.variable, value));
      }
      case 'optionalMap':
        return this.#optionalMap(node.at, node.flat, this.type(node.operand, scope), (element) =>
          this.type(node.body, scope.with(node.variable, element)),
        );
    }
  }

  undeclared(node: Ast, name: string): CelType {
    return this.fail(node.at, `undeclared reference to '${name}' (in container '')`);
  }

  #ident(name: string, root: boolean, scope: Scope): CelType | undefined {
    const local = root ? undefined : scope.find(name);
    if (local !== undefined) return local;
    return Object.hasOwn(this.environment.variables, name) ? this.environment.variables[name] : undefined;
  }

  /** A name with dots that is a type. */
  #typeValue(node: Ast): CelType | undefined {
    const name = dottedName(node);
    if (name === undefined) return undefined;
    const type = this.vocabulary.typeNames.get(name) ?? this.environment.types?.(name);
    if (type === undefined) return undefined;
    this.#typeValues.set(node, type);
    return typeType(type);
  }

  #select(node: Select, scope: Scope): CelType {
    const root = rootOf(node);
    if (root !== undefined && !node.test && this.#ident(root.name, root.root, scope) === undefined) {
      const type = this.#typeValue(node);
      if (type !== undefined) return type;
    }
    const variable = this.#dottedVariable(node, scope);
    if (variable !== undefined) return variable;
    const operand = this.type(node.operand, scope);
    const inner = operand.kind === 'optional' ? operand.of : operand;
    const field = this.#field(node, inner);
    if (node.test) return boolType;
    const optional = node.optional || operand.kind === 'optional';
    return optional && field.kind !== 'optional' ? optionalType(field) : field;
  }

  /** A variable whose name has dots in it. */
  #dottedVariable(node: Select, scope: Scope): CelType | undefined {
    const name = dottedName(node);
    const root = rootOf(node);
    if (name === undefined || root === undefined || scope.find(root.name) !== undefined) return undefined;
    const { variables } = this.environment;
    if (!Object.hasOwn(variables, name)) return undefined;
    this.#dotted.set(node, name);
    return variables[name];
  }

  #field({ at, field }: Select, operand: CelType): CelType {
    switch (operand.kind) {
      case 'map':
        return operand.value;
      case 'object':
        if (operand.fields === undefined) return dynType;
        return operand.fields.get(field)?.type ?? this.fail(at, `undefined field '${field}'`);
      case 'param':
        this.substitution.assign(dynType, operand);
        return dynType;
      case 'dyn':
      case 'error':
        return operand;
      default:
        return this.fail(at, `type '${typeName(operand)}' does not support field selection`);
    }
  }

  #call(node: Call, scope: Scope): CelType {
    const namespaced = this.#namespacedName(node, scope);
    if (namespaced !== undefined) {
      this.#namespaced.add(node);
      return this.resolve(
        node,
        namespaced,
        undefined,
        node.args.map((arg) => this.type(arg, scope)),
      );
    }
    const target = node.target === undefined ? undefined : this.type(node.target, scope);
    const args = this.#withMixed(target !== undefined && node.name === 'format', () =>
      node.args.map((arg) => this.type(arg, scope)),
    );
    if (node.name === '_?_:_') return this.conditional(node.at, args);
    return this.resolve(node, node.name, target, args);
  }

  /** Elements of a literal may differ in type. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** What `format` writes may differ in type. */
  #withMixed<T>(mixed: boolean, check: () => T): T {
    const before = this.#mixed;
    this.#mixed ||= mixed;
    const result = check();
    this.#mixed = before;
    return result;
  }

  #namespacedName({ name, target }: Call, scope: Scope): string | undefined {
    if (target === undefined) return undefined;
    const dotted = dottedName(target);
    const root = rootOf(target);
    if (dotted === undefined || root === undefined || scope.find(root.name) !== undefined) return undefined;
    return this.vocabulary.functions.has(`${dotted}.${name}`) ? `${dotted}.${name}` : undefined;
  }

  /** The type of the result of whichever overloads take the arguments. */
  resolve(node: Call, name: string, target: CelType | undefined, rest: readonly CelType[]): CelType {
    const declared = this.vocabulary.functions.get(name);
    if (declared === undefined) return this.undeclared(node, name);
    const args = target === undefined ? rest : [target, ...rest];
    const fitting: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of declared) {
      if (overload.member !== (target !== undefined) || overload.args.length !== args.length) continue;
      const found = this.#fit(overload, args);
      if (found === undefined) continue;
      fitting.push(overload);
      result = result === undefined || sameType(result, found) ? (result ?? found) : dynType;
    }
    this.#overloads.set(node, fitting);
    return result ?? this.noOverload(node.at, name, target, rest);
  }

  /** The type of the result, if the overload takes the arguments. */
  #fit(overload: Overload, args: readonly CelType[]): CelType | undefined {
    const attempt = this.substitution.fork();
    const fresh = new Map<string, CelType>();
    const own = (type: CelType): CelType => instantiate(type, fresh, () => this.param());
    const fits = overload.args.every((expected, index) => attempt.assign(args[index] ?? errorType, own(expected)));
    if (!fits) return undefined;
    this.substitution.join(attempt);
    return this.substitution.apply(own(overload.result));
  }

  noOverload(at: number, name: string, target: CelType | undefined, args: readonly CelType[]): CelType {
    const all = target === undefined ? args : [target, ...args];
    // What is wrong was said before.
    if (all.some(({ kind }) => kind === 'error')) return errorType;
    const shown = args.map((arg) => typeName(this.substitution.apply(arg, true))).join(', ');
    const applied =
      target === undefined ? `(${shown})` : `${typeName(this.substitution.apply(target, true))}.(${shown})`;
    return this.fail(at, `found no matching overload for '${name}' applied to '${applied}'`);
  }

  conditional(at: number, [condition = dynType, yes = dynType, no = dynType]: readonly CelType[]): CelType {
    const attempt = this.substitution.fork();
    if (!attempt.assign(condition, boolType) || !attempt.assign(yes, no))
      return this.noOverload(at, '_?_:_', undefined, [condition, yes, no]);
    this.substitution.join(attempt);
    return this.substitution.general(yes, no);
  }

  #logical(at: number, kind: 'and' | 'or', terms: readonly CelType[]): CelType {
    if (terms.every((term) => this.substitution.assign(term, boolType))) return boolType;
    const wrong = terms.findIndex((term) => !this.substitution.fork().assign(term, boolType));
    const pair = wrong === 0 ? terms.slice(0, 2) : [boolType, terms[wrong] ?? dynType];
    return this.noOverload(at, kind === 'and' ? '_&&_' : '_||_', undefined, pair);
  }

  /** Whether one type fits where the other is expected; if so, what that says of type parameters is kept. */
  assign(from: CelType, to: CelType): boolean {
    const attempt = this.substitution.fork();
    if (!attempt.assign(from, to)) return false;
    this.substitution.join(attempt);
    return true;
  }

  #optionalMap(at: number, flat: boolean, operand: CelType, body: (element: CelType) => CelType): CelType {
    if (operand.kind !== 'optional' && operand.kind !== 'dyn')
      return this.noOverload(at, flat ? 'optFlatMap' : 'optMap', operand, []);
    const result = body(operand.kind === 'optional' ? operand.of : dynType);
    if (!flat) return optionalType(result);
    return result.kind === 'optional' || result.kind === 'dyn' || result.kind === 'error'
      ? result
      : this.fail(at, `expected type 'optional_type' but found '${typeName(result)}'`);
  }
}

function sameType(a: CelType, b: CelType): boolean {
  return a.kind === b.kind && typeName(a) === typeName(b);
}
