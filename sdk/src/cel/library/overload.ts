/** How functions are declared: one overload each. */
import type { CelType } from '../types/type.ts';
import type { CelMeter, CelValue } from '../values/value.ts';

/** Of sizes of the arguments, the target first: characters, elements; what has no size counts 1. Never falls when a size grows. */
export type OfSizes = (...sizes: readonly number[]) => number;

export interface Overload {
  readonly name: string;
  /** Types of the arguments, with that of the target first where there is one. */
  readonly args: readonly CelType[];
  readonly member: boolean;
  readonly result: CelType;
  /** 1 unless given. */
  readonly cost?: OfSizes;
  /** Beside `cost`: of going through all parts of the first argument, texts within it too. */
  readonly traverses?: boolean;
  /** Greatest size of the result; what the type says unless given. */
  readonly resultSize?: OfSizes;
  /** `run` takes arguments of any types, and refuses what it cannot do itself. */
  readonly total?: boolean;
  /** Arguments are of the declared types and no errors; the meter comes after them. */
  run(this: void, ...args: readonly (CelValue | CelMeter)[]): CelValue;
}

interface Declaration {
  /** Type of the target; absent: no method. */
  readonly on?: CelType;
  readonly takes?: readonly CelType[];
  readonly gives: CelType;
  readonly cost?: OfSizes;
  readonly traverses?: boolean;
  readonly resultSize?: OfSizes;
  run(this: void, ...args: readonly (CelValue | CelMeter)[]): CelValue;
}

export function overload(name: string, { on, takes = [], gives, ...rest }: Declaration): Overload {
  return { ...rest, name, member: on !== undefined, args: on === undefined ? takes : [on, ...takes], result: gives };
}

/** One function for several types of arguments. */
export function overloads(
  name: string,
  signatures: readonly (readonly [...CelType[], CelType])[],
  rest: Pick<Declaration, 'run' | 'cost' | 'traverses' | 'resultSize'> & Pick<Partial<Overload>, 'member' | 'total'>,
): Overload[] {
  return signatures.map((types) => ({
    member: false,
    ...rest,
    name,
    args: types.slice(0, -1),
    result: types.at(-1) as CelType,
  }));
}

/** Factors of cel-go: reading a text costs a tenth of its length, running a regular expression a quarter of its length. */
export const textFactor = 0.1;
export const regexFactor = 0.25;
export const textCost = (size: number): number => Math.ceil(size * textFactor);
/** Reads a text, and writes one that is as long. */
export const rewriteCost = (size: number): number => Math.ceil(size * 2 * textFactor);
