/** From a checked tree to closures. */
import type { Checked } from '../check/checked.ts';
import { nodesOf } from '../check/variables.ts';
import { elementAt, fieldOf, hasField, optionalAt } from '../library/elements.ts';
import type { Ast, Call, Comprehension, Logical, Select } from '../syntax/ast.ts';
import { dynType, type CelType } from '../types/type.ts';
import {
  CelError,
  CelOptional,
  CelTypeValue,
  isError,
  noOptional,
  noSuchOverload,
  runtimeNameOf,
  type CelValue,
} from '../values/value.ts';
import { callStep } from './calls.ts';
import { foldStep } from './folds.ts';
import { Frame, type Step, type Variable } from './frame.ts';
import { listStep, mapStep, messageStep } from './literals.ts';

export interface Code {
  readonly step: Step;
  readonly variables: readonly Variable[];
  readonly slots: number;
}

/** Slots of the variables of macros by name, the innermost first. */
interface Names {
  readonly name: string;
  readonly slot: number;
  readonly outer: Names | undefined;
}

function slotOf(names: Names | undefined, name: string): number | undefined {
  for (let at = names; at !== undefined; at = at.outer) if (at.name === name) return at.slot;
  return undefined;
}

export class CodeBuilder {
  readonly #checked: Checked;
  readonly #variables: Variable[] = [];
  readonly #declared: Readonly<Record<string, CelType>>;
  readonly #slotOfVariable = new Map<string, number>();
  #slots: number;

  constructor(checked: Checked, declared: Readonly<Record<string, CelType>>, used: ReadonlySet<string>) {
    this.#checked = checked;
    this.#declared = declared;
    for (const name of used) if (Object.hasOwn(declared, name)) this.#declare(name);
    this.#slots = this.#variables.length;
  }

  #declare(name: string): void {
    this.#slotOfVariable.set(name, this.#variables.length);
    this.#variables.push({ name, type: this.#declared[name] ?? dynType });
  }

  build(): Code {
    const step = this.#step(this.#checked.ast, undefined);
    return { step, variables: this.#variables, slots: this.#slots };
  }

  #type(node: Ast): CelType {
    return this.#checked.types.get(node) ?? dynType;
  }

  #step(node: Ast, names: Names | undefined): Step {
    const type = this.#checked.typeValues.get(node);
    if (type !== undefined) {
      const value = new CelTypeValue(runtimeNameOf(type));
      return () => value;
    }
    const variable = this.#checked.dotted.get(node);
    if (variable !== undefined) return this.#ident(variable, undefined);
    switch (node.kind) {
      case 'literal': {
        const { value } = node;
        return () => value;
      }
      case 'ident':
        return this.#ident(node.name, node.root ? undefined : slotOf(names, node.name));
      case 'select':
        return this.#select(node, names);
      case 'call':
        return this.#call(node, names);
      case 'and':
      case 'or':
        return this.#logical(node, names);
      case 'list':
        return constant(
          node,
          listStep(node.elements.map(({ value, optional }) => ({ optional, step: this.#step(value, names) }))),
        );
      case 'map':
        return constant(
          node,
          mapStep(
            node.entries.map(({ key, value, optional }) => ({
              optional,
              key: this.#step(key, names),
              step: this.#step(value, names),
            })),
          ),
        );
      case 'message':
        return messageStep(
          this.#checked.messages.get(node),
          node.fields.map(({ name, value, optional }) => ({ name, optional, step: this.#step(value, names) })),
        );
      case 'comprehension':
        return this.#fold(node, names);
      case 'bind': {
        const slot = this.#newSlot();
        const value = this.#step(node.value, names);
        return binding(slot, value, this.#step(node.body, { name: node.variable, slot, outer: names }));
      }
      case 'optionalMap': {
        const slot = this.#newSlot();
        const operand = this.#step(node.operand, names);
        return mapping(node.flat, slot, operand, this.#step(node.body, { name: node.variable, slot, outer: names }));
      }
    }
  }

  #newSlot(): number {
    this.#slots += 1;
    return this.#slots - 1;
  }

  #ident(name: string, local: number | undefined): Step {
    const slot = local ?? this.#slotOfVariable.get(name);
    if (slot === undefined) return () => new CelError(`no such attribute(s): ${name}`);
    return (frame) => {
      frame.charge(1);
      const value = frame.slots[slot];
      return value === undefined ? frame.load(slot) : value;
    };
  }

  #select({ operand, field, optional, test }: Select, names: Names | undefined): Step {
    const from = this.#step(operand, names);
    const read = test ? hasField : optional ? optionalAt : fieldOf;
    // Asking whether a field is there is free.
    const cost = test ? 0 : 1;
    return (frame) => {
      const value = from(frame);
      frame.charge(cost);
      return isError(value) ? value : read(value, field);
    };
  }

  #logical({ kind, terms }: Logical, names: Names | undefined): Step {
    const ends = kind === 'or';
    const steps = terms.map((term) => this.#step(term, names));
    return (frame) => {
      let problem: CelValue | undefined;
      for (const step of steps) {
        const value = step(frame);
        if (value === ends) return ends;
        if (value !== !ends) problem ??= isError(value) ? value : noSuchOverload();
      }
      return problem ?? !ends;
    };
  }

  #call(node: Call, names: Names | undefined): Step {
    const parts = [
      ...(node.target === undefined || this.#checked.namespaced.has(node) ? [] : [node.target]),
      ...node.args,
    ];
    const steps = parts.map((part) => this.#step(part, names));
    const [first, second, third] = steps;
    if (first !== undefined && second !== undefined) {
      if (node.name === '_?_:_' && third !== undefined) return conditional(first, second, third);
      if (node.target !== undefined && (node.name === 'or' || node.name === 'orValue'))
        return alternative(first, second, node.name === 'orValue');
      if (node.name === '_[_]') return index(first, second, elementAt);
      if (node.name === '_[?_]') return index(first, second, optionalAt);
    }
    const overloads = this.#checked.overloads.get(node) ?? [];
    return callStep(
      steps,
      parts.map((part) => this.#type(part)),
      overloads,
    );
  }

  #fold(node: Comprehension, names: Names | undefined): Step {
    const range = this.#step(node.range, names);
    const first = this.#newSlot();
    const second = node.second === undefined ? undefined : this.#newSlot();
    const inner = { name: node.variable, slot: first, outer: names };
    const both =
      second === undefined || node.second === undefined ? inner : { name: node.second, slot: second, outer: inner };
    const item: Step = (frame) => frame.slots[first] as CelValue;
    const condition = node.condition === undefined ? () => true : this.#step(node.condition, both);
    const transform = node.transform === undefined ? item : this.#step(node.transform, both);
    return foldStep(node.fold, { range, first, second, parts: partsOf(node), condition, transform });
  }
}

/** Nodes of what is evaluated each round. */
function partsOf({ condition, transform }: Comprehension): number {
  let count = 0;
  for (const part of [condition, transform]) if (part !== undefined) for (const _ of nodesOf(part)) count += 1;
  return count;
}

function isConstant(node: Ast): boolean {
  if (node.kind === 'list') return node.elements.every(({ value, optional }) => !optional && isConstant(value));
  if (node.kind === 'map')
    return node.entries.every(({ key, value, optional }) => !optional && isConstant(key) && isConstant(value));
  return node.kind === 'literal';
}

/** What is made of literals alone is made once, and costs nothing. */
function constant(node: Ast, step: Step): Step {
  if (!isConstant(node)) return step;
  const value = step(new Frame([], 0, {}, Number.POSITIVE_INFINITY));
  return () => value;
}

function conditional(condition: Step, yes: Step, no: Step): Step {
  return (frame) => {
    const value = condition(frame);
    if (value === true) return yes(frame);
    if (value === false) return no(frame);
    return isError(value) ? value : noSuchOverload();
  };
}

/** The second is not looked at where the first has a value. */
function alternative(first: Step, second: Step, unwrap: boolean): Step {
  return (frame) => {
    const value = first(frame);
    frame.charge(1);
    if (!(value instanceof CelOptional)) return isError(value) ? value : noSuchOverload();
    if (value.value === undefined) return second(frame);
    return unwrap ? value.value : value;
  };
}

function index(container: Step, key: Step, read: (container: CelValue, key: CelValue) => CelValue): Step {
  return (frame) => {
    const from = container(frame);
    if (isError(from)) return from;
    const at = key(frame);
    frame.charge(1);
    return isError(at) ? at : read(from, at);
  };
}

/** Evaluated once, when the body reads it. */
function binding(slot: number, value: Step, body: Step): Step {
  return (frame) => {
    const bound = value(frame);
    frame.slots[slot] = bound;
    return body(frame);
  };
}

function mapping(flat: boolean, slot: number, operand: Step, body: Step): Step {
  return (frame) => {
    const optional = operand(frame);
    frame.charge(1);
    if (!(optional instanceof CelOptional)) return isError(optional) ? optional : noSuchOverload();
    if (optional.value === undefined) return noOptional;
    frame.slots[slot] = optional.value;
    const result = body(frame);
    return flat || isError(result) ? result : new CelOptional(result);
  };
}
