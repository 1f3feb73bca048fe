/** Calls of functions: which overload, what it costs, and errors of arguments. */
import { textFactor, type Overload } from '../library/overload.ts';
import type { CelType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { CelError, CelOptional, isError, isOfType, noSuchOverload, type CelValue } from '../values/value.ts';
import type { Frame, Step } from './frame.ts';

function sizeOf(value: CelValue): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  return value instanceof CelOptional && value.value !== undefined ? sizeOf(value.value) : 1;
}

/** Of going through a value and all that lies within it. */
function traversal(value: CelValue, frame: Frame): number {
  if (!(value instanceof CelList))
    return typeof value === 'string' || value instanceof Uint8Array ? Math.floor(value.length * textFactor) : 1;
  frame.work(value.size);
  let cost = 0;
  for (let index = 0; index < value.size; index += 1) {
    cost += traversal(value.at(index), frame);
    if (cost > frame.costLimit) break;
  }
  return cost;
}

function charge(
  frame: Frame,
  { cost, traverses }: Pick<Overload, 'cost' | 'traverses'>,
  args: readonly CelValue[],
): void {
  const own = cost === undefined ? 1 : Math.max(1, cost(...args.map(sizeOf)));
  const [first] = args;
  frame.charge(traverses === true && first !== undefined ? Math.max(own, traversal(first, frame)) : own);
}

/** Values that a schema lets be null are so where their type is that of a function's argument. */
const refusesNull = ({ args, total }: Overload, index: number): boolean =>
  total !== true && !['null', 'dyn', 'param'].includes(args[index]?.kind ?? 'dyn');

/** Without a loop over arguments: most functions take one or two. */
function unary(a: Step, overload: Overload): Step {
  const { run, cost } = overload;
  const refused = refusesNull(overload, 0);
  return (frame) => {
    const x = a(frame);
    if (isError(x)) return x;
    if (refused && x === null) return noSuchOverload();
    frame.charge(cost === undefined ? 1 : Math.max(1, cost(sizeOf(x))));
    return run(x, frame);
  };
}

function binary(a: Step, b: Step, overload: Overload): Step {
  const { run, cost } = overload;
  const [refusedFirst, refusedSecond] = [refusesNull(overload, 0), refusesNull(overload, 1)];
  return (frame) => {
    const x = a(frame);
    if (isError(x)) return x;
    const y = b(frame);
    if (isError(y)) return y;
    if ((refusedFirst && x === null) || (refusedSecond && y === null)) return noSuchOverload();
    frame.charge(cost === undefined ? 1 : Math.max(1, cost(sizeOf(x), sizeOf(y))));
    return run(x, y, frame);
  };
}

function anyNumber(steps: readonly Step[], overload: Overload): Step {
  const refused = steps.map((_, index) => refusesNull(overload, index));
  return (frame) => {
    const args: CelValue[] = [];
    for (const step of steps) {
      const value = step(frame);
      if (isError(value)) return value;
      if (value === null && refused[args.length] === true) return noSuchOverload();
      args.push(value);
    }
    charge(frame, overload, args);
    return overload.run(...args, frame);
  };
}

function direct(steps: readonly Step[], overload: Overload): Step {
  const [a, b] = steps;
  if (overload.traverses === true) return anyNumber(steps, overload);
  if (a !== undefined && steps.length === 1) return unary(a, overload);
  if (a !== undefined && b !== undefined && steps.length === 2) return binary(a, b, overload);
  return anyNumber(steps, overload);
}

/** Whether what is known of the argument already says that it fits. */
const certain = (found: CelType, expected: CelType): boolean =>
  expected.kind === 'dyn' || expected.kind === 'param' || (found.kind !== 'dyn' && found.kind === expected.kind);

const takes = ({ args }: Overload, values: readonly CelValue[]): boolean =>
  args.every((type, index) => isOfType(values[index] as CelValue, type));

function dispatched(steps: readonly Step[], overloads: readonly Overload[]): Step {
  return (frame) => {
    const args: CelValue[] = [];
    for (const step of steps) {
      const value = step(frame);
      if (isError(value)) return value;
      args.push(value);
    }
    const overload = overloads.find((candidate) => takes(candidate, args));
    charge(frame, overload ?? {}, args);
    return overload === undefined ? noSuchOverload() : overload.run(...args, frame);
  };
}

/** Whatever is done with values of these types costs the same. */
const sizeless: ReadonlySet<CelType['kind']> = new Set([
  'null',
  'bool',
  'int',
  'uint',
  'double',
  'timestamp',
  'duration',
  'type',
]);

/** Without sizes where there are none. */
function withoutSizes(overload: Overload): Overload {
  const { cost, ...rest } = overload;
  const fixed = cost?.(...overload.args.map(() => 1)) ?? 1;
  return fixed <= 1 ? rest : { ...rest, cost: () => fixed };
}

/** Types of the arguments as far as they are known; overloads that take them. */
export function callStep(steps: readonly Step[], types: readonly CelType[], overloads: readonly Overload[]): Step {
  const [first] = overloads;
  if (first === undefined) return () => new CelError('no such overload');
  if (types.every(({ kind }) => sizeless.has(kind)) && overloads.length === 1)
    return direct(steps, withoutSizes(first));
  const fits = first.args.every((expected, index) => certain(types[index] ?? expected, expected));
  const alike = overloads.every(
    ({ run, cost, traverses }) => run === first.run && cost === first.cost && traverses === first.traverses,
  );
  return alike && (first.total === true || (fits && overloads.length === 1))
    ? direct(steps, first)
    : dispatched(steps, overloads);
}
