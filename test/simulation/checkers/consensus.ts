import type { Entry, LogBase } from '../../../plugins/store-raft/src/raft/types.ts';

export type Report = (text: string) => void;

/** "At most one leader can be elected in a given term" (figure 3). */
export class ElectionSafety {
  readonly #leaders = new Map<number, string>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  leads(member: string, term: number): void {
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== member) {
      this.#report(`election safety: ${known} and ${member} both lead in term ${term}`);
    }
    this.#leaders.set(term, member);
  }

  get terms(): number {
    return this.#leaders.size;
  }
}

/** "If two logs contain an entry with the same index and term, then the logs are identical up through it" (figure 3). */
export class LogMatching {
  readonly #known = new Map<string, { readonly content: string; readonly previousTerm: number }>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** `previousTerm`: of the entry before it in the same log. By induction along the log this is enough. */
  appended(member: string, entry: Entry, previousTerm: number): void {
    const key = `${entry.term}/${entry.index}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { content: contentOf(entry), previousTerm });
    } else if (known.previousTerm !== previousTerm || known.content !== contentOf(entry)) {
      this.#report(
        `log matching: ${member} has another entry ${entry.index} of term ${entry.term}, or another term before it ` +
          `(${known.previousTerm} and ${previousTerm})`,
      );
    }
  }
}

interface Committed {
  readonly term: number;
  readonly content: string;
  /** The least term in which a member was seen to know that it is committed. */
  seenInTerm: number;
}

/** State machine safety and leader completeness (figure 3): what is committed never changes, and every later leader has it. */
export class Commitment {
  readonly #committed: (Committed | undefined)[] = [];
  readonly #next = new Map<string, number>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  get lastIndex(): number {
    return this.#committed.length - 1;
  }

  /** true: nobody had committed this index before. */
  committed(member: string, entry: Entry, memberTerm: number): boolean {
    const expected = this.#next.get(member);
    if (expected !== undefined && entry.index !== expected) {
      this.#report(`apply order: ${member} was given entry ${entry.index} where ${expected} was due`);
    }
    this.#next.set(member, entry.index + 1);
    const known = this.#committed[entry.index];
    if (known === undefined) {
      if (entry.index > this.#committed.length && this.#committed.length > 0) {
        this.#report(`apply order: ${member} committed ${entry.index} while nobody committed the one before it`);
      }
      this.#committed[entry.index] = { term: entry.term, content: contentOf(entry), seenInTerm: memberTerm };
      return true;
    }
    if (known.term !== entry.term || known.content !== contentOf(entry)) {
      this.#report(
        `state machine safety: ${member} commits entry ${entry.index} of term ${entry.term}; another member committed ` +
          `one of term ${known.term}`,
      );
    }
    known.seenInTerm = Math.min(known.seenInTerm, memberTerm);
    return false;
  }

  /** A member begins, or goes on behind a snapshot: its next entry is the one after `index`. */
  startsBehind(member: string, index: number): void {
    this.#next.set(member, index + 1);
  }

  snapshotInstalled(member: string, base: LogBase): void {
    const known = this.#committed[base.index];
    if (known === undefined || known.term !== base.term) {
      this.#report(
        `${member} installed a snapshot of entry ${base.index}, term ${base.term}: committed is ${known?.term ?? 'none'}`,
      );
    }
    this.startsBehind(member, base.index);
  }

  /** `termOf` gives the term of an entry of the new leader's log, or undefined when it is not in it. */
  leads(member: string, term: number, baseIndex: number, termOf: (index: number) => number | undefined): void {
    for (let index = this.lastIndex; index > baseIndex; index--) {
      const known = this.#committed[index];
      if (known === undefined || known.seenInTerm >= term) continue;
      if (termOf(index) !== known.term) {
        this.#report(
          `leader completeness: ${member} leads in term ${term} without entry ${index} of term ${known.term}, which was ` +
            `committed in term ${known.seenInTerm}`,
        );
      }
      // What lies before it is equal by log matching.
      return;
    }
  }
}

/** Members that applied the same entries have the same state. */
export class StateEquality {
  readonly #hashes = new Map<number, { readonly hash: number; readonly member: string }>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  applied(member: string, index: number, hash: number): void {
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { hash, member });
    else if (known.hash !== hash) {
      this.#report(
        `state equality: ${member} and ${known.member} differ after entry ${index} (${hash}, ${known.hash})`,
      );
    }
  }
}

function contentOf(entry: Entry): string {
  switch (entry.type) {
    case 'noop':
      return 'noop';
    case 'register':
      return `register ${entry.nonce}`;
    case 'configuration':
      return `configuration ${JSON.stringify(entry.configuration)}`;
    case 'command': {
      const { id } = entry;
      return `command ${id?.session}/${id?.sequence} ${Buffer.from(entry.data).toString('latin1')}`;
    }
  }
}
