/** Requests of one priority level: at work, waiting in queues, or turned away. */
import type { TimerHandle, Timers } from '@timonel/sdk';
import type { Leave } from '@timonel/sdk/contracts/api-server';
import { ApiError, type PriorityLevelConfiguration } from '@timonel/sdk/kube';
import { FairQueues, type Waiting } from './fair-queues.ts';
import type { SeatLimits, SeatTaker } from './seats.ts';

/** Why a request was turned away, in the words of Kubernetes' metrics. */
export type RejectReason = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

export interface LevelRequest {
  /** Of the schema and its flow. */
  readonly flow: string;
  readonly width: number;
  readonly isGone: () => boolean;
}

export interface LevelHost {
  readonly timers: Timers;
  /** Longest wait in a queue, ms. */
  readonly waitMs: number;
  /** Whether the level may take so many seats more, with what other levels lend. */
  readonly maySeat: (level: SeatTaker, width: number) => boolean;
  /** Whether there is time for one more in this turn of the event loop. */
  readonly hasTime: () => boolean;
  /** Somebody waits, or may come now. */
  readonly changed: () => void;
  readonly rejected: (level: string, reason: RejectReason) => void;
  readonly dispatched: (level: string) => void;
}

interface Waiter extends LevelRequest, Waiting {
  readonly admit: (leave: Leave) => void;
  readonly refuse: (error: ApiError) => void;
  readonly timer: TimerHandle;
}

const retryAfterSeconds = 1;

function tooMany(): ApiError {
  return new ApiError('TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds });
}

export class PriorityLevel implements SeatTaker {
  readonly name: string;
  readonly #host: LevelHost;
  #limits: SeatLimits;
  #isExempt = false;
  #queues: FairQueues<Waiter> | undefined;
  #queuing = '';
  #inUse = 0;
  #closed = false;

  constructor(host: LevelHost, configuration: PriorityLevelConfiguration, limits: SeatLimits) {
    this.name = configuration.metadata.name ?? '';
    this.#host = host;
    this.#limits = limits;
    this.configure(configuration, limits);
  }

  get limits(): SeatLimits {
    return this.#limits;
  }

  /** Seats of those at work. */
  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#queues?.length ?? 0;
  }

  /** Those who wait in queues of another form come at once. */
  configure({ spec }: PriorityLevelConfiguration, limits: SeatLimits): void {
    this.#limits = limits;
    this.#isExempt = spec.type === 'Exempt';
    const { queuing } = spec.limited?.limitResponse ?? {};
    const text = JSON.stringify(queuing ?? null);
    if (text === this.#queuing) return;
    this.#admitAll();
    this.#queuing = text;
    this.#queues = queuing === undefined ? undefined : new FairQueues(queuing);
  }

  /** @throws ApiError TooManyRequests */
  enter(request: LevelRequest): Leave | Promise<Leave> {
    if (this.#isExempt || this.#closed) return this.#seat(request.width);
    const hasSeat = this.waiting === 0 && this.#host.maySeat(this, request.width);
    if (this.#queues === undefined) return hasSeat ? this.#seat(request.width) : this.#reject('concurrency-limit');
    return hasSeat && this.#host.hasTime() ? this.#seat(request.width) : this.#wait(request, this.#queues);
  }

  /** Lets in whose turn it is. The seats that are taken by that; undefined: nobody waits, or there are no seats. */
  admitNext(): number | undefined {
    for (;;) {
      const next = this.#queues?.peek();
      if (next === undefined) return undefined;
      const isGone = next.isGone();
      if (!isGone && !this.#host.maySeat(this, next.width)) return undefined;
      this.#queues?.shift();
      next.timer.cancel();
      if (!isGone) {
        next.admit(this.#seat(next.width));
        return next.width;
      }
      this.#host.rejected(this.name, 'cancelled');
      next.refuse(tooMany());
    }
  }

  /** Nobody waits here any more. */
  close(): void {
    this.#closed = true;
    this.#admitAll();
  }

  #seat(width: number): Leave {
    this.#inUse += width;
    this.#host.dispatched(this.name);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#inUse -= width;
      this.#host.changed();
    };
  }

  #wait(request: LevelRequest, queues: FairQueues<Waiter>): Promise<Leave> {
    const { timers, waitMs } = this.#host;
    return new Promise((resolve, reject) => {
      const timer = timers.after(waitMs, () => {
        queues.remove(waiter);
        this.#host.rejected(this.name, 'time-out');
        reject(tooMany());
      });
      const waiter: Waiter = { ...request, admit: resolve, refuse: reject, timer };
      if (queues.push(request.flow, waiter)) {
        this.#host.changed();
        return;
      }
      timer.cancel();
      this.#host.rejected(this.name, 'queue-full');
      reject(tooMany());
    });
  }

  #reject(reason: RejectReason): never {
    this.#host.rejected(this.name, reason);
    throw tooMany();
  }

  #admitAll(): void {
    for (let next = this.#queues?.peek(); next !== undefined; next = this.#queues?.peek()) {
      this.#queues?.shift();
      next.timer.cancel();
      next.admit(this.#seat(next.width));
    }
  }
}
