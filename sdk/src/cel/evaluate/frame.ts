/** One evaluation: values of variables, and what it may still do. */
import { maxWork } from '../limits.ts';
import { fromJson } from '../values/json.ts';
import { CelError, noOptional, type CelMeter, type CelValue } from '../values/value.ts';
import type { CelType } from '../types/type.ts';

/** Ends an evaluation from within; nothing absorbs it. */
export class Stop {
  readonly reason: 'cost' | 'interrupted' | 'pending';
  /** What is to be waited for. */
  readonly pending: Promise<void> | undefined;
  constructor(reason: Stop['reason'], pending?: Promise<void>) {
    this.reason = reason;
    this.pending = pending;
  }
}

export interface Variable {
  readonly name: string;
  readonly type: CelType;
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

async function keep(answers: Map<string, unknown>, key: string, answer: PromiseLike<unknown>): Promise<void> {
  answers.set(key, await answer);
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
  #answers: Map<string, unknown> | undefined;
  readonly #workLimit: number;
  #work = 0;
  #untilCheck = operationsPerCheck;

  constructor(
    variables: readonly Variable[],
    slots: number,
    given: Readonly<Record<string, unknown>>,
    costLimit: number,
    interrupted?: () => boolean,
    answers?: Map<string, unknown>,
    workLimit: number = maxWork,
  ) {
    this.#workLimit = Math.min(workLimit, maxWork);
    this.#answers = answers;
    this.#variables = variables;
    this.slots = Array<undefined>(slots).fill(undefined);
    this.#given = given;
    this.costLimit = costLimit;
    this.#interrupted = interrupted;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.costLimit) throw new Stop('cost');
  }

  /** What it did beyond its cost. */
  get worked(): number {
    return this.#work;
  }

  work(steps: number): void {
    this.#work += steps;
    if (this.#work > this.#workLimit) throw new Stop('cost');
    this.#untilCheck -= steps + 1;
    if (this.#untilCheck < 0) this.#check();
  }

  #check(): void {
    this.#untilCheck = operationsPerCheck;
    if (this.#interrupted?.() === true) throw new Stop('interrupted');
  }

  answer(key: string, ask: () => unknown): unknown {
    const answers = (this.#answers ??= new Map());
    if (answers.has(key)) return answers.get(key);
    const answer = ask();
    if (isPromise(answer)) throw new Stop('pending', keep(answers, key, answer));
    answers.set(key, answer);
    return answer;
  }

  /** A variable of the environment, wrapped when it is first read. */
  load(slot: number): CelValue {
    const { name, type } = this.#variables[slot] as Variable;
    const raw = Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
    const absent = type.kind === 'optional' ? noOptional : new CelError(`no such attribute(s): ${name}`);
    const value = raw === undefined ? absent : fromJson(raw, type);
    this.slots[slot] = value;
    return value;
  }
}

/** Part of an expression as a closure. */
export type Step = (frame: Frame) => CelValue;
