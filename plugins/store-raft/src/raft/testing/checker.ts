/** The properties of figure 3, and more, checked over all members from outside while they run. */
import { hasQuorum } from '../quorum.ts';
import type { Configuration, Entry, MemberId } from '../types.ts';

export function entryText(entry: Entry): string {
  switch (entry.type) {
    case 'command': {
      const id = entry.id === undefined ? '' : `${entry.id.session}.${entry.id.sequence} `;
      return id + Buffer.from(entry.data).toString();
    }
    case 'register':
      return `register ${entry.nonce}`;
    case 'noop':
      return 'noop';
    case 'configuration': {
      const { voters, outgoing, learners } = entry.configuration;
      const joint = outgoing.length > 0 ? ` from ${outgoing.join(' ')}` : '';
      return `voters ${voters.join(' ')}${joint}${learners.length > 0 ? ` learners ${learners.join(' ')}` : ''}`;
    }
  }
}

/** What is durable on one member. */
export interface DurableLog {
  has(index: number, term: number): boolean;
}

export class Checker {
  readonly #leaders = new Map<number, MemberId>();
  /** By index and term: the term before, and the content. */
  readonly #entries = new Map<string, string>();
  /** By index. */
  readonly #committed: string[] = [];
  readonly #committedTerms: number[] = [];
  readonly #appliedRequests = new Map<string, number>();
  lastCommitted = 0;

  /** Election safety. */
  leads(id: MemberId, term: number): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id) throw new Error(`election safety: ${other} and ${id} lead term ${term}`);
    this.#leaders.set(term, id);
  }

  get terms(): number {
    return this.#leaders.size;
  }

  /** Leader completeness: what is committed is in the log of every later leader. */
  leaderHas(id: MemberId, term: number, has: (index: number, term: number) => boolean): void {
    const { lastCommitted } = this;
    if (lastCommitted > 0 && !has(lastCommitted, this.#committedTerms.at(lastCommitted) as number)) {
      throw new Error(`leader completeness: ${id} leads term ${term} without the committed entry ${lastCommitted}`);
    }
  }

  /** Log matching, by induction: an entry of this index and term has one content and one predecessor everywhere. */
  hasEntry(entry: Entry, previousTerm: number | undefined): void {
    const key = `${entry.index}/${entry.term}`;
    const value = `${previousTerm} ${entryText(entry)}`;
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, value);
    else if (known !== value) throw new Error(`log matching: the entry ${key} is (${known}) and (${value})`);
  }

  /** State machine safety. */
  applies(id: MemberId, entry: Entry): void {
    const value = `${entry.term} ${entryText(entry)}`;
    const known = this.#committed[entry.index];
    if (known === undefined) {
      this.#committed[entry.index] = value;
      this.#committedTerms[entry.index] = entry.term;
      this.lastCommitted = Math.max(this.lastCommitted, entry.index);
    } else if (known !== value) {
      throw new Error(`state machine safety: ${id} applies (${value}) at ${entry.index}, another member (${known})`);
    }
  }

  /** Nothing is committed that is not on the disks of a quorum. */
  committedBy(
    leader: MemberId,
    entry: Entry,
    configuration: Configuration,
    disk: (id: MemberId) => DurableLog | undefined,
  ): void {
    if (hasQuorum(configuration, (id) => disk(id)?.has(entry.index, entry.term) === true)) return;
    throw new Error(`durability: ${leader} committed ${entry.index}/${entry.term}, which no quorum has on disk`);
  }

  /** Each request is applied at one index, however often it was proposed. */
  requestApplied(session: number, sequence: number, index: number): void {
    const key = `${session}.${sequence}`;
    const known = this.#appliedRequests.get(key);
    if (known !== undefined && known !== index) throw new Error(`request ${key} is applied at ${known} and ${index}`);
    this.#appliedRequests.set(key, index);
  }

  get requests(): number {
    return this.#appliedRequests.size;
  }
}
