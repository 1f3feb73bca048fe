/** The queues of a priority level, by start-time fair queuing: each queue in which something waits gets an equal share of the seats. */
import type { FlowQueuing } from '@timonel/sdk/kube';
import { deal } from './shuffle.ts';

/** A request that waits. */
export interface Waiting {
  readonly width: number;
}

interface Queued<T> {
  readonly request: T;
  /** Virtual time at which its turn comes. */
  readonly start: number;
}

interface Queue<T> {
  readonly items: Queued<T>[];
  /** Virtual time at which what came last is done. */
  finish: number;
}

/** Hands that are remembered: there may be as many flows as users. */
const handsLimit = 1000;

export class FairQueues<T extends Waiting> {
  readonly #queues: readonly Queue<T>[];
  readonly #queuing: FlowQueuing;
  readonly #hands = new Map<string, readonly number[]>();
  #virtualTime = 0;
  #length = 0;

  constructor(queuing: FlowQueuing) {
    this.#queuing = queuing;
    this.#queues = Array.from({ length: queuing.queues }, () => ({ items: [], finish: 0 }));
  }

  get length(): number {
    return this.#length;
  }

  /** False: the shortest queue of its flow is full. */
  push(flow: string, request: T): boolean {
    const queue = this.#shortest(flow);
    if (queue === undefined || queue.items.length >= this.#queuing.queueLengthLimit) return false;
    const start = Math.max(this.#virtualTime, queue.finish);
    queue.finish = start + request.width;
    queue.items.push({ request, start });
    this.#length += 1;
    return true;
  }

  /** Whose turn it is. Undefined: nobody waits. */
  peek(): T | undefined {
    return this.#next()?.items[0]?.request;
  }

  /** Takes out what `peek` showed. */
  shift(): void {
    const taken = this.#next()?.items.shift();
    if (taken === undefined) return;
    this.#virtualTime = Math.max(this.#virtualTime, taken.start);
    this.#length -= 1;
  }

  remove(request: T): void {
    for (const { items } of this.#queues) {
      const index = items.findIndex((item) => item.request === request);
      if (index === -1) continue;
      items.splice(index, 1);
      this.#length -= 1;
      return;
    }
  }

  #next(): Queue<T> | undefined {
    let next: Queue<T> | undefined;
    for (const queue of this.#queues) {
      const [first] = queue.items;
      if (first !== undefined && (next?.items[0] === undefined || first.start < next.items[0].start)) next = queue;
    }
    return next;
  }

  #shortest(flow: string): Queue<T> | undefined {
    let shortest: Queue<T> | undefined;
    for (const index of this.#hand(flow)) {
      const queue = this.#queues[index];
      if (queue !== undefined && (shortest === undefined || queue.items.length < shortest.items.length))
        shortest = queue;
    }
    return shortest;
  }

  #hand(flow: string): readonly number[] {
    const known = this.#hands.get(flow);
    if (known !== undefined) return known;
    const hand = deal(flow, this.#queuing.queues, this.#queuing.handSize);
    if (this.#hands.size >= handsLimit) this.#hands.clear();
    this.#hands.set(flow, hand);
    return hand;
  }
}
