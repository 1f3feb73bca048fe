/** Servers that backends have in reserve, so that endpoints come and go without a new configuration. */
import type { Endpoint } from '../routing/model.ts';

/** Undefined: free. */
export type Slot = Endpoint | undefined;

export interface SlotChange {
  readonly index: number;
  readonly to: Slot;
}

const leastSlots = 4;

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`;

/** How many a backend with so many endpoints begins with. */
export function reserve(endpoints: number): number {
  return Math.max(leastSlots, 2 ** Math.ceil(Math.log2(Math.max(1, endpoints * 1.25))));
}

/** The slots of one backend. */
export class Slots {
  #slots: Slot[];
  /** Free ones, the one that was freed last at the end: it may still have requests. */
  #free: number[] = [];

  /** `size`: the least number of slots. */
  constructor(size: number) {
    this.#slots = Array.from({ length: size }, () => undefined);
  }

  get all(): readonly Slot[] {
    return this.#slots;
  }

  /** Whether there is room without more slots. */
  fits(endpoints: readonly Endpoint[]): boolean {
    return endpoints.length <= this.#slots.length;
  }

  /** Begins anew, with some in reserve. */
  reset(endpoints: readonly Endpoint[]): void {
    const size = Math.max(this.#slots.length, reserve(endpoints.length));
    this.#slots = Array.from({ length: size }, (_, index) => endpoints[index]);
    this.#free = [];
    for (let index = endpoints.length; index < size; index++) this.#free.push(index);
  }

  /** Makes the slots hold the endpoints, which fit; answers what is to be told. */
  assign(endpoints: readonly Endpoint[]): SlotChange[] {
    const wanted = new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint]));
    const changes: SlotChange[] = [];
    for (const [index, slot] of this.#slots.entries()) {
      if (slot === undefined || wanted.delete(keyOf(slot))) continue;
      this.#slots[index] = undefined;
      this.#free.push(index);
      changes.push({ index, to: undefined });
    }
    for (const endpoint of wanted.values()) {
      const index = this.#free.shift();
      if (index === undefined) throw new Error('a backend has fewer servers than endpoints');
      this.#slots[index] = endpoint;
      changes.push({ index, to: endpoint });
    }
    return changes;
  }
}

/** What the runtime socket is told, one line each. */
export function slotCommands(backend: string, { index, to }: SlotChange): string[] {
  const server = `${backend}/s${index}`;
  if (to === undefined) return [`set server ${server} state maint`];
  return [`set server ${server} addr ${to.address} port ${to.port}`, `set server ${server} state ready`];
}
