/**
 * Reasons of refusals, and sets of them, as small numbers: so one column tells all that is wrong with each node. A set of one reason has the
 * number of the reason.
 */
import type { NodeRejection, Reason } from '../contracts/scheduler/index.ts';

export interface KnownReason {
  readonly plugin: string;
  readonly reason: Reason;
}

/** No reason: the node can take the pod. */
export const fits = 0;
/** There is no node in this row. */
export const absent = 0xffff;

/** A plugin that invents more shares one for all further ones. */
const reasonsOfPlugin = 512;
const reasonsLimit = 0x4000;
/** Of sets that are more than one reason; what would make further ones is left out. */
const setsLimit = 0xfff0;

function textOf({ plugin, reason }: KnownReason): string {
  return `${plugin}\0${reason.code}\0${reason.text}\0${reason.resolvable}`;
}

class OfPlugin {
  readonly #ids = new Map<Reason, number>();
  count = 0;

  known(reason: Reason): number | undefined {
    return this.#ids.get(reason);
  }

  keep(reason: Reason, id: number): void {
    // An object made for each refusal is not seen again.
    if (this.#ids.size >= reasonsOfPlugin * 2) this.#ids.clear();
    this.#ids.set(reason, id);
  }
}

export class Reasons {
  readonly #known: KnownReason[] = [{ plugin: '', reason: { code: '', text: '', resolvable: false } }];
  readonly #ofPlugin = new Map<string, OfPlugin>();
  readonly #byText = new Map<string, number>();
  /** Sets of more than one reason, from `reasonsLimit` on. */
  readonly #sets: (readonly number[])[] = [];
  readonly #larger = new Map<number, number>();

  /** Reasons that say the same are one. */
  idOf(plugin: string, reason: Reason): number {
    let of = this.#ofPlugin.get(plugin);
    if (of === undefined) {
      of = new OfPlugin();
      this.#ofPlugin.set(plugin, of);
    }
    const known = of.known(reason);
    if (known !== undefined) return known;
    const id = this.#enter(of, { plugin, reason });
    of.keep(reason, id);
    return id;
  }

  #enter(of: OfPlugin, known: KnownReason): number {
    const id = this.#byText.get(textOf(known));
    if (id !== undefined) return id;
    if (of.count < reasonsOfPlugin && this.#known.length < reasonsLimit - 1) {
      of.count += 1;
      return this.#add(known);
    }
    const { plugin, reason } = known;
    const others = { plugin, reason: { code: 'other', text: 'other reasons', resolvable: reason.resolvable } };
    return this.#byText.get(textOf(others)) ?? this.#add(others);
  }

  #add(known: KnownReason): number {
    const id = this.#known.length;
    if (id >= reasonsLimit) return reasonsLimit - 1;
    this.#known.push(known);
    this.#byText.set(textOf(known), id);
    return id;
  }

  /** The set with one more reason. */
  with(set: number, id: number): number {
    if (set === fits || set === id) return id;
    const step = set * reasonsLimit + id;
    const known = this.#larger.get(step);
    if (known !== undefined) return known;
    const ids = this.idsOf(set);
    const larger = ids.includes(id) || reasonsLimit + this.#sets.length >= setsLimit ? set : this.#addSet([...ids, id]);
    if (this.#larger.size < setsLimit) this.#larger.set(step, larger);
    return larger;
  }

  #addSet(ids: readonly number[]): number {
    this.#sets.push(ids);
    return reasonsLimit + this.#sets.length - 1;
  }

  /** In the order in which they were given. */
  idsOf(set: number): readonly number[] {
    if (set === fits || set === absent) return [];
    return set < reasonsLimit ? [set] : (this.#sets[set - reasonsLimit] as readonly number[]);
  }

  /** Whether the removal of pods could help with all that is wrong. False for nodes that fit. */
  isResolvable(set: number): boolean {
    if (set === fits || set === absent) return false;
    if (set < reasonsLimit) return this.of(set).reason.resolvable;
    return this.idsOf(set).every((id) => this.of(id).reason.resolvable);
  }

  /** -1: nobody gave such a reason. */
  find({ plugin, code, reason: text, resolvable }: NodeRejection): number {
    return this.#byText.get(textOf({ plugin, reason: { code, text, resolvable } })) ?? -1;
  }

  of(id: number): KnownReason {
    return this.#known[id] as KnownReason;
  }
}
