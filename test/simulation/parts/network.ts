import type { SimRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** How every link behaves; partitions and clogs come on top for single links. */
export interface NetworkConditions {
  readonly delayMinMs: number;
  readonly delayMeanMs: number;
  readonly lossChance: number;
  readonly duplicateChance: number;
  /** Chance that a message is held back so long that others pass it. */
  readonly reorderChance: number;
}

export const calmNetwork: NetworkConditions = {
  delayMinMs: 0.2,
  delayMeanMs: 0.5,
  lossChance: 0,
  duplicateChance: 0,
  reorderChance: 0,
};

export interface NetworkCounts {
  sent: number;
  delivered: number;
  lost: number;
  duplicated: number;
  blocked: number;
}

/** Carries messages between addresses. Nothing is promised: a message may be lost, come twice, late, or after later ones. */
export class Network<Message> {
  readonly counts: NetworkCounts = { sent: 0, delivered: 0, lost: 0, duplicated: 0, blocked: 0 };
  conditions: NetworkConditions = calmNetwork;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #receivers = new Map<string, (from: string, message: Message) => void>();
  readonly #blocked = new Set<string>();
  readonly #cloggedUntilMs = new Map<string, number>();

  constructor(scheduler: Scheduler, random: SimRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  listen(address: string, receive: (from: string, message: Message) => void): void {
    this.#receivers.set(address, receive);
  }

  /** A process that ended: what is under way to it is lost. */
  close(address: string): void {
    this.#receivers.delete(address);
  }

  send(from: string, to: string, message: Message): void {
    this.counts.sent += 1;
    const { lossChance, duplicateChance } = this.conditions;
    if (this.#random.chance(lossChance)) {
      this.counts.lost += 1;
      return;
    }
    this.#carry(from, to, message);
    if (this.#random.chance(duplicateChance)) {
      this.counts.duplicated += 1;
      this.#carry(from, to, message);
    }
  }

  /** Cuts the link in one direction. What is under way when it is cut is lost too. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  /** Opens all links from and to this address. */
  unblock(address: string): void {
    for (const link of this.#blocked) {
      const [from, to] = link.split('>');
      if (from === address || to === address) this.#blocked.delete(link);
    }
  }

  /** Cuts every link between the two sides, in both directions or only from the first to the second. */
  partition(sideA: readonly string[], sideB: readonly string[], direction: 'both' | 'a-to-b'): void {
    for (const a of sideA) {
      for (const b of sideB) {
        this.block(a, b);
        if (direction === 'both') this.block(b, a);
      }
    }
  }

  /** Messages of the link wait until then: they arrive late and at once. */
  clog(from: string, to: string, untilMs: number): void {
    this.#cloggedUntilMs.set(`${from}>${to}`, untilMs);
  }

  unblockAll(): void {
    this.#blocked.clear();
    this.#cloggedUntilMs.clear();
  }

  blockedLinks(): readonly string[] {
    return [...this.#blocked];
  }

  #carry(from: string, to: string, message: Message): void {
    const { delayMinMs, delayMeanMs, reorderChance } = this.conditions;
    const link = `${from}>${to}`;
    let delayMs = delayMinMs + this.#random.exponential(Math.max(0, delayMeanMs - delayMinMs));
    if (this.#random.chance(reorderChance)) delayMs += this.#random.between(0, 20 * delayMeanMs);
    const cloggedMs = (this.#cloggedUntilMs.get(link) ?? 0) - this.#scheduler.nowMs;
    if (cloggedMs > 0) delayMs += cloggedMs;
    this.#scheduler.after(delayMs, () => {
      const receive = this.#receivers.get(to);
      if (this.#blocked.has(link) || receive === undefined) {
        this.counts.blocked += 1;
        return;
      }
      this.counts.delivered += 1;
      receive(from, message);
    });
  }
}
