/** Reasons of refusals as small numbers, so that a column of them tells why each node is out. */
import type { NodeRejection, Reason } from '../contracts/scheduler2/index.ts';

export interface KnownReason {
  readonly plugin: string;
  readonly reason: Reason;
}

/** No reason: the node can take the pod. */
export const fits = 0;
/** There is no node in this row. */
export const absent = 0xffff;
const reasonsLimit = 0xfff0;

const sampleLimit = 3;

function textOf(plugin: string, code: string, text: string): string {
  return `${plugin}\0${code}\0${text}`;
}

export class Reasons {
  readonly #known: KnownReason[] = [{ plugin: '', reason: { code: '', text: '', resolvable: false } }];
  readonly #ids = new Map<string, Map<Reason, number>>();
  readonly #byText = new Map<string, number>();

  /** Reasons that say the same are one. */
  idOf(plugin: string, reason: Reason): number {
    let ids = this.#ids.get(plugin);
    if (ids === undefined) {
      ids = new Map();
      this.#ids.set(plugin, ids);
    }
    const known = ids.get(reason);
    if (known !== undefined) return known;
    const text = textOf(plugin, reason.code, reason.text);
    let id = this.#byText.get(text);
    if (id === undefined) {
      // A plugin that invents reasons without end shares the last.
      id = Math.min(this.#known.length, reasonsLimit);
      if (id < reasonsLimit) this.#known.push({ plugin, reason });
      this.#byText.set(text, id);
    }
    if (ids.size < reasonsLimit) ids.set(reason, id);
    return id;
  }

  /** -1: nobody gave such a reason. */
  find(plugin: string, code: string, text: string): number {
    return this.#byText.get(textOf(plugin, code, text)) ?? -1;
  }

  of(id: number): KnownReason {
    return this.#known[id] as KnownReason;
  }
}

/** Counts refusals by reason. */
export class Refusals {
  readonly #reasons: Reasons;
  readonly #counts = new Map<number, number>();

  constructor(reasons: Reasons) {
    this.#reasons = reasons;
  }

  add(id: number, by: number): void {
    const count = (this.#counts.get(id) ?? 0) + by;
    if (count === 0) this.#counts.delete(id);
    else this.#counts.set(id, count);
  }

  clear(): void {
    this.#counts.clear();
  }

  /** The most frequent first. `nodesOf`: names of nodes that were refused for a reason. */
  list(nodesOf: (id: number, limit: number) => readonly string[]): NodeRejection[] {
    const list = [...this.#counts].map(([id, nodeCount]): NodeRejection => {
      const { plugin, reason } = this.#reasons.of(id);
      const { code, text, resolvable } = reason;
      return { plugin, code, reason: text, nodeCount, nodes: nodesOf(id, sampleLimit), resolvable };
    });
    return list.sort((a, b) => b.nodeCount - a.nodeCount || (a.reason < b.reason ? -1 : 1));
  }

  /** Counts of the other on top of these, in a new object. */
  with(other: Refusals): Refusals {
    const both = new Refusals(this.#reasons);
    for (const [id, count] of this.#counts) both.add(id, count);
    for (const [id, count] of other.#counts) both.add(id, count);
    return both;
  }
}
