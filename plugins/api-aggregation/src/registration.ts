/** One APIService with a server of its own: its target, and what was found out of it last. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiService } from '@timonel/sdk/kube';
import { findingOf, local, type Api, type Finding } from './availability.ts';
import { Target, type TargetParts, type TargetService } from './target.ts';

/** One that is there is looked at so often. */
const againMs = 10_000;
/** One that is not: soon at first, since it may be about to come. */
const firstRetryMs = 500;
const lastRetryMs = 10_000;

export interface RegistrationParts extends Omit<TargetParts, 'signal' | 'timers'> {
  readonly api: Api;
  readonly env: Env;
  readonly log: Logger;
  /** Whether the API server answers for it itself. */
  readonly isServedHere: (group: string, version: string) => boolean;
  /** Called with each finding. */
  readonly found: (registration: Registration, finding: Finding) => Promise<void>;
}

export class Registration {
  readonly key: string;
  readonly target: Target;
  readonly #parts: RegistrationParts;
  #service: ApiService;
  #finding: Finding | undefined;
  #retryMs = firstRetryMs;
  #timer: TimerHandle | undefined;
  #running = false;
  #again = false;
  readonly #ending = new AbortController();

  constructor(service: ApiService, target: TargetService, parts: RegistrationParts) {
    this.key = Target.keyOf(service);
    this.#service = service;
    this.#parts = parts;
    const { timers } = parts.env;
    const spec = service.spec ?? { groupPriorityMinimum: 1, versionPriority: 1 };
    this.target = new Target(target, spec, { ...parts, timers, signal: this.#ending.signal });
  }

  get service(): ApiService {
    return this.#service;
  }

  /** Undefined: nothing is known as yet. */
  get finding(): Finding | undefined {
    return this.#finding;
  }

  /** The object changed, in something that connections do not depend on. */
  update(service: ApiService): void {
    this.#service = service;
  }

  /** Looks now; when it looks already, once more after that. */
  check(): void {
    if (this.#ending.signal.aborted) return;
    this.#timer?.cancel();
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#look();
  }

  stop(): void {
    this.#ending.abort();
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { log, found } = this.#parts;
    let isDone = false;
    try {
      const finding = await this.#ask();
      if (this.#ending.signal.aborted) return;
      this.#finding = finding;
      await found(this, finding);
      isDone = finding.verdict.status === 'True';
    } catch (error) {
      log.debug({ apiService: this.#service.metadata.name, error: errorMessage(error) }, 'the state was not written');
    } finally {
      this.#running = false;
      this.#next(isDone);
    }
  }

  async #ask(): Promise<Finding> {
    const { api, env, isServedHere } = this.#parts;
    const { group = '', version = '' } = this.#service.spec ?? {};
    if (isServedHere(group, version)) return { verdict: local };
    return findingOf(this.#service, this.target, { api, timers: env.timers });
  }

  #next(isDone: boolean): void {
    if (this.#ending.signal.aborted) return;
    if (this.#again) {
      this.#again = false;
      this.check();
      return;
    }
    const delayMs = isDone ? againMs : this.#retryMs;
    this.#retryMs = isDone ? firstRetryMs : Math.min(lastRetryMs, this.#retryMs * 2);
    this.#timer = this.#parts.env.timers.after(delayMs, () => this.check());
  }
}
