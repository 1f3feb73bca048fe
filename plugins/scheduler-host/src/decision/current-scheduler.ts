/**
 * The scheduler in charge, which may be another one at any time, and may do anything. What it says beside its decisions is asked for here,
 * with an answer for whatever throws or makes no sense.
 */
import { errorMessage } from '@timonel/sdk';
import type {
  Admission,
  PodInfo,
  QueuedPod,
  RequeueHint,
  Scheduler,
  SchedulerTraits,
  Status,
} from '@timonel/sdk/contracts/scheduler';
import { byPriority, gatesOf, type QueueRules } from '../queue/waiting-pod.ts';

export interface CurrentSchedulerParts {
  readonly service: Scheduler;
  /** The name of the plugin in charge. */
  readonly name: () => string;
  /** The schedulerName it takes when it names none. */
  readonly defaultProfile: string;
  /** Told what it did against its contract. */
  readonly blame: (message: string) => void;
}

const statusCodes: ReadonlySet<string> = new Set([
  'success',
  'unschedulable',
  'unresolvable',
  'pending',
  'wait',
  'skip',
]);

function isHint(hint: Partial<RequeueHint> | null | undefined): hint is RequeueHint {
  return typeof hint?.event === 'string';
}

/** Traits of one scheduler, guarded. */
export class GuardedTraits implements QueueRules {
  readonly traits: SchedulerTraits | undefined;
  readonly scheduler: string;
  readonly profiles: ReadonlySet<string>;
  readonly #hasAdmission: boolean;
  readonly #blame: (message: string) => void;

  constructor(
    scheduler: string,
    traits: SchedulerTraits | undefined,
    { defaultProfile, blame }: CurrentSchedulerParts,
  ) {
    this.scheduler = scheduler;
    this.traits = traits;
    this.#blame = blame;
    const named = this.#guarded('profiles', () => traits?.profiles?.());
    const names = Array.isArray(named) ? named.filter((name) => typeof name === 'string') : [defaultProfile];
    this.profiles = new Set(names as readonly string[]);
    this.#hasAdmission = this.#guarded('admit', () => typeof traits?.admit === 'function') ?? false;
  }

  compare(a: QueuedPod, b: QueuedPod): number {
    const { traits } = this;
    if (traits?.compare === undefined) return byPriority(a, b);
    const order = this.#guarded('compare', () => traits.compare?.(a, b));
    return typeof order === 'number' && !Number.isNaN(order) ? order : byPriority(a, b);
  }

  preEnqueue(pod: PodInfo): Status {
    const gates = gatesOf(pod);
    if (gates.code !== 'success') return gates;
    const status = this.#guarded('preEnqueue', () => {
      const answer: Status | null | undefined = this.traits?.preEnqueue?.(pod);
      return statusCodes.has(answer?.code ?? '') ? answer : undefined;
    });
    return status ?? gates;
  }

  requeueHints(plugin: string): readonly RequeueHint[] | undefined {
    const hints = this.#guarded('requeueHints', () => {
      const answer: unknown = this.traits?.requeueHints?.(plugin);
      return Array.isArray(answer) && answer.every(isHint) ? [...answer] : undefined;
    });
    return hints;
  }

  /** Whether the pod is to be admitted before it is bound. */
  admits(pod: PodInfo): boolean {
    return this.#hasAdmission && this.#guarded('admits', () => this.traits?.admits?.(pod)) !== false;
  }

  /** @throws whatever the scheduler throws */
  async admit(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Admission> {
    const admission = await this.traits?.admit?.(pod, nodeName, signal);
    const outcome: string = admission?.outcome ?? '';
    if (admission === undefined || !['bind', 'bound', 'refused'].includes(outcome)) {
      throw new TypeError(`${this.scheduler} answered "${outcome}" to the admission of a pod`);
    }
    return admission;
  }

  settled(pod: PodInfo, nodeName: string, bound: boolean): void {
    this.#guarded('settled', () => this.traits?.settled?.(pod, nodeName, bound));
  }

  #guarded<T>(what: string, ask: () => T): T | undefined {
    try {
      return ask();
    } catch (error) {
      this.#blame(`${what} threw: ${errorMessage(error)}`);
      return undefined;
    }
  }
}

/** A scheduler that makes new traits for each question does not turn the queue over more often than so. */
const changePeriodMs = 100;

export class CurrentScheduler {
  readonly #parts: CurrentSchedulerParts;
  #traits: GuardedTraits;
  #changedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: CurrentSchedulerParts) {
    this.#parts = parts;
    this.#traits = new GuardedTraits(parts.name(), this.#read(), parts);
  }

  get service(): Scheduler {
    return this.#parts.service;
  }

  get name(): string {
    return this.#parts.name();
  }

  get traits(): GuardedTraits {
    return this.#traits;
  }

  takes(schedulerName: string): boolean {
    return this.#traits.profiles.has(schedulerName);
  }

  /** Whether another scheduler is in charge than at the last look. */
  look(nowMs: number): boolean {
    const { name } = this;
    const traits = this.#read();
    const sameName = name === this.#traits.scheduler;
    if (sameName && (traits === this.#traits.traits || nowMs - this.#changedMs < changePeriodMs)) return false;
    this.#changedMs = nowMs;
    this.#traits = new GuardedTraits(name, traits, this.#parts);
    return true;
  }

  /** The service without a provider answers every question with a function. */
  #read(): SchedulerTraits | undefined {
    try {
      const { traits } = this.#parts.service;
      return typeof traits === 'object' && traits !== null ? traits : undefined;
    } catch {
      return undefined;
    }
  }
}
