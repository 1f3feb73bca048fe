/** A scheduler that is only asked: whatever it does wrong is counted, and ends in the end. */
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import type { Decision, PodInfo, Scheduler } from '@timonel/sdk/contracts/scheduler';
import { answerFault } from '../decision/decision-check.ts';
import { AnswerCheck } from './answer-check.ts';
import type { ShadowSnapshot } from './shadow-snapshot.ts';

/** Calls `fn`, which must return within `limitMs`. @throws Error when it does not */
export type Within = <T>(limitMs: number, fn: () => T) => T;

export interface CandidateParts {
  readonly env: Pick<Env, 'clock' | 'timers'>;
  readonly scheduler: Scheduler;
  /** Absent: loops are not cut off. */
  readonly within?: Within | undefined;
}

export interface CandidateLimits {
  readonly decisionTimeoutMs: number;
  readonly faultLimit: number;
}

const rememberedFaults = 10;

/** `undefined` in place of a decision: it was wrong. */
export interface Answer {
  readonly decisions: readonly (Decision | undefined)[];
  readonly ms: number;
}

export class Candidate {
  readonly #parts: CandidateParts;
  readonly #limits: CandidateLimits;
  readonly #last: string[] = [];
  #faults = 0;
  #gone: string | undefined;

  constructor(parts: CandidateParts, limits: CandidateLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  get faults(): { readonly count: number; readonly limit: number; readonly last: readonly string[] } {
    return { count: this.#faults, limit: this.#limits.faultLimit, last: this.#last.toReversed() };
  }

  /** Why it is asked no more. */
  get finished(): string | undefined {
    if (this.#gone !== undefined) return this.#gone;
    if (this.#faults < this.#limits.faultLimit) return undefined;
    return `it had ${this.#faults} faults, the last one: it ${this.#last.at(-1) ?? ''}`;
  }

  /** Values of `spec.schedulerName` that are its business. None when it cannot tell. */
  profiles(): ReadonlySet<unknown> {
    try {
      const profiles: unknown = this.#parts.scheduler.traits?.profiles?.();
      return new Set(Array.isArray(profiles) ? profiles : ['default-scheduler']);
    } catch (error) {
      this.#fault(`threw when it was asked for its profiles: ${errorMessage(error)}`);
      return new Set();
    }
  }

  /** undefined: there is no usable answer. */
  async decide(pods: readonly PodInfo[], snapshot: ShadowSnapshot): Promise<Answer | undefined> {
    const { clock } = this.#parts.env;
    const startedMs = clock.monotonic();
    let answer: readonly Decision[];
    try {
      answer = await this.#inTime(pods, snapshot);
    } catch (error) {
      if (errorCode(error) === 'ERR_SERVICE_UNAVAILABLE') this.#gone = `it is gone: ${errorMessage(error)}`;
      else this.#fault(errorMessage(error));
      return undefined;
    }
    const ms = clock.monotonic() - startedMs;
    const problem = answerFault(pods, answer);
    if (problem !== undefined) {
      this.#fault(problem);
      return undefined;
    }
    const check = new AnswerCheck(snapshot);
    return { decisions: pods.map((pod, at) => this.#checked(answer[at], pod, check)), ms };
  }

  #checked(decision: Decision | undefined, pod: PodInfo, check: AnswerCheck): Decision | undefined {
    if (decision === undefined) return undefined;
    const problem = check.fault(decision, pod);
    if (problem === undefined) return decision;
    this.#fault(problem);
    return undefined;
  }

  async #inTime(pods: readonly PodInfo[], snapshot: ShadowSnapshot): Promise<readonly Decision[]> {
    const { env, scheduler, within } = this.#parts;
    const limitMs = this.#limits.decisionTimeoutMs;
    const ask = async (): Promise<readonly Decision[]> => {
      try {
        return await (within === undefined
          ? scheduler.decide(pods, snapshot)
          : within(limitMs, () => scheduler.decide(pods, snapshot)));
      } catch (error) {
        if (errorCode(error) === 'ERR_SERVICE_UNAVAILABLE') throw error;
        throw new Error(`threw: ${errorMessage(error)}`, { cause: error });
      }
    };
    let giveUp = (_error: Error): void => undefined;
    const limit = new Promise<never>((_resolve, reject) => (giveUp = reject));
    const timer = env.timers.after(limitMs, () => giveUp(new Error(`did not decide within ${limitMs} ms`)));
    try {
      return await Promise.race([ask(), limit]);
    } finally {
      timer.cancel();
    }
  }

  #fault(what: string): void {
    this.#faults += 1;
    this.#last.push(what.slice(0, 500));
    if (this.#last.length > rememberedFaults) this.#last.shift();
  }
}
