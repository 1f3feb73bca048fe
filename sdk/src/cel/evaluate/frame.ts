/** One evaluation: values of variables, and what it may still do. */
import { maxWork } from '../limits.ts';
import { fromJson } from '../values/json.ts';
import { CelError, type CelMeter, type CelValue } from '../values/value.ts';
import type { CelType } from '../types/type.ts';

/** Ends an evaluation from within; nothing absorbs it. */
export class Stop {
  readonly reason: 'cost' | 'interrupted' | 'pending';
  constructor(reason: Stop['reason']) {
    this.reason = reason;
  }
}

export interface Variable {
  readonly name: string;
  readonly type: CelType;
}

/** Operations between two questions whether to go on. */
const operationsPerCheck = 1024;

export class Frame implements CelMeter {
  cost = 0;
  readonly costLimit: number;
  readonly slots: (CelValue | undefined)[];
  readonly #variables: readonly Variable[];
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #interrupted: (() => boolean) | undefined;
  #work = 0;
  #untilCheck = operationsPerCheck;

  constructor(
    variables: readonly Variable[],
    slots: number,
    given: Readonly<Record<string, unknown>>,
    costLimit: number,
    interrupted?: () => boolean,
  ) {
    this.#variables = variables;
    this.slots = Array.from({ length: slots });
    this.#given = given;
    this.costLimit = costLimit;
    this.#interrupted = interrupted;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.costLimit) throw new Stop('cost');
  }

  work(steps: number): void {
    this.#work += steps;
    if (this.#work > maxWork) throw new Stop('cost');
    this.#untilCheck -= steps + 1;
    if (this.#untilCheck < 0) this.#check();
  }

  #check(): void {
    this.#untilCheck = operationsPerCheck;
    if (this.#interrupted?.() === true) throw new Stop('interrupted');
  }

  /** A variable of the environment, wrapped when it is first read. */
  load(slot: number): CelValue {
    const { name, type } = this.#variables[slot] as Variable;
    const raw = Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
    const value = raw === undefined ? new CelError(`no such attribute(s): ${name}`) : fromJson(raw, type);
    this.slots[slot] = value;
    return value;
  }
}

/** Part of an expression as a closure. */
export type Step = (frame: Frame) => CelValue;
