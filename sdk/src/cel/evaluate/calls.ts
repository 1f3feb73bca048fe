/** Calls of functions: which overload, what it costs, and errors of arguments. */
import { textFactor, type OfSizes, type Overload } from '../library/overload.ts';
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

type Run = (...args: readonly (CelValue | Frame)[]) => CelValue;

/** Of going through a value and all that lies within it. */
function traversal(value: CelValue, frame: Frame): number {
  if (!(value instanceof CelList))
    return typeof value === 'string' || value instanceof Uint8Array ? value.length * textFactor : 1;
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
  frame.charge(traverses === true && first !== undefined ? Math.max(own, Math.floor(traversal(first, frame))) : own);
}

/** Without a loop over arguments: most functions take one or two. */
function unary(a: Step, run: Run, cost: OfSizes | undefined): Step {
  return (frame) => {
    const x = a(frame);
    if (isError(x)) return x;
    frame.charge(cost === undefined ? 1 : Math.max(1, cost(sizeOf(x))));
    return run(x, frame);
  };
}

function binary(a: Step, b: Step, run: Run, cost: OfSizes | undefined): Step {
  return (frame) => {
    const x = a(frame);
    if (isError(x)) return x;
    const y = b(frame);
    if (isError(y)) return y;
    frame.charge(cost === undefined ? 1 : Math.max(1, cost(sizeOf(x), sizeOf(y))));
    return run(x, y, frame);
  };
}

function anyNumber(steps: readonly Step[], overload: Overload): Step {
  return (frame) => {
    const args: CelValue[] = [];
    for (const step of steps) {
      const value = step(frame);
      if (isError(value)) return value;
      args.push(value);
    }
    charge(frame, overload, args);
    return overload.run(...args, frame);
  };
}

function direct(steps: readonly Step[], overload: Overload): Step {
  const [a, b] = steps;
  const { run, cost, traverses } = overload;
  if (traverses === true) return anyNumber(steps, overload);
  if (a !== undefined && steps.length === 1) return unary(a, run, cost);
  if (a !== undefined && b !== undefined && steps.length === 2) return binary(a, b, run, cost);
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

/** Types of the arguments as far as they are known; overloads that take them. */
export function callStep(steps: readonly Step[], types: readonly CelType[], overloads: readonly Overload[]): Step {
  const [first] = overloads;
  if (first === undefined) return () => new CelError('no such overload');
  const fits = first.args.every((expected, index) => certain(types[index] ?? expected, expected));
  const alike = overloads.every(
    ({ run, cost, traverses }) => run === first.run && cost === first.cost && traverses === first.traverses,
  );
  return alike && (first.total === true || (fits && overloads.length === 1))
    ? direct(steps, first)
    : dispatched(steps, overloads);
}
