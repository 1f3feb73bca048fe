/** Macros: calls that name variables of their own. */
import type { Ast, Fold } from './ast.ts';
import { build } from './build.ts';
import { CelSyntaxError } from './problem.ts';

export interface MacroCall {
  readonly at: number;
  readonly name: string;
  readonly target: Ast | undefined;
  readonly args: readonly Ast[];
}

export interface MacroSet {
  readonly bindings: boolean;
  readonly optional: boolean;
  readonly twoVariables: boolean;
}

function variableOf(node: Ast): string {
  if (node.kind === 'ident' && !node.root) return node.name;
  throw new CelSyntaxError('argument must be a simple name', node.at);
}

function has({ at, args: [subject] }: MacroCall): Ast {
  if (subject?.kind !== 'select' || subject.test || subject.optional)
    throw new CelSyntaxError('invalid argument to has() macro', subject?.at ?? at);
  return build({ ...subject, at, test: true }, subject.operand);
}

interface Parts {
  readonly variables: readonly Ast[];
  readonly condition?: Ast | undefined;
  readonly transform?: Ast | undefined;
}

function fold(call: MacroCall, kind: Fold, { variables, condition, transform }: Parts): Ast {
  const [variable = '', second] = variables.map(variableOf);
  if (variable === second) throw new CelSyntaxError(`duplicate variable name: ${variable}`, call.at);
  const range = call.target as Ast;
  return build(
    {
      kind: 'comprehension',
      at: call.at,
      fold: kind,
      range,
      variable,
      ...(second === undefined ? {} : { second }),
      ...(condition === undefined ? {} : { condition }),
      ...(transform === undefined ? {} : { transform }),
    },
    range,
    condition,
    transform,
  );
}

const predicates: Readonly<Record<string, Fold>> = {
  all: 'all',
  exists: 'exists',
  exists_one: 'exists_one',
  existsOne: 'exists_one',
};

const transforms: ReadonlySet<string> = new Set(['transformList', 'transformMap', 'transformMapEntry']);

function oneVariable(call: MacroCall): Ast | undefined {
  const { name, args } = call;
  const [variable, first, last] = args;
  if (variable === undefined || first === undefined) return undefined;
  const predicate = Object.hasOwn(predicates, name) ? predicates[name] : undefined;
  if (predicate !== undefined && args.length === 2)
    return fold(call, predicate, { variables: [variable], condition: first });
  if (name === 'filter' && args.length === 2) return fold(call, 'filter', { variables: [variable], condition: first });
  if (name !== 'map' || args.length > 3) return undefined;
  return last === undefined
    ? fold(call, 'map', { variables: [variable], transform: first })
    : fold(call, 'map', { variables: [variable], condition: first, transform: last });
}

function twoVariables(call: MacroCall): Ast | undefined {
  const { name, args } = call;
  const [key, value, first, last] = args;
  if (key === undefined || value === undefined || first === undefined || args.length > 4) return undefined;
  const variables = [key, value];
  const predicate = Object.hasOwn(predicates, name) ? predicates[name] : undefined;
  if (predicate !== undefined && args.length === 3) return fold(call, predicate, { variables, condition: first });
  if (!transforms.has(name)) return undefined;
  return last === undefined
    ? fold(call, name as Fold, { variables, transform: first })
    : fold(call, name as Fold, { variables, condition: first, transform: last });
}

function binding({ at, target, args }: MacroCall): Ast | undefined {
  const [variable, value, body] = args;
  if (target?.kind !== 'ident' || target.name !== 'cel' || variable === undefined) return undefined;
  if (value === undefined || body === undefined || args.length !== 3) return undefined;
  return build({ kind: 'bind', at, variable: variableOf(variable), value, body }, value, body);
}

function optionalMap({ at, name, target, args }: MacroCall): Ast | undefined {
  const [variable, body] = args;
  if (target === undefined || variable === undefined || body === undefined || args.length !== 2) return undefined;
  const flat = name === 'optFlatMap';
  return build({ kind: 'optionalMap', at, flat, operand: target, variable: variableOf(variable), body }, target, body);
}

/** Undefined: an ordinary call. @throws CelSyntaxError */
export function expandMacro(call: MacroCall, macros: MacroSet): Ast | undefined {
  if (call.target === undefined) return call.name === 'has' && call.args.length === 1 ? has(call) : undefined;
  if (macros.bindings && call.name === 'bind') return binding(call);
  if (macros.optional && (call.name === 'optMap' || call.name === 'optFlatMap')) return optionalMap(call);
  return oneVariable(call) ?? (macros.twoVariables ? twoVariables(call) : undefined);
}
