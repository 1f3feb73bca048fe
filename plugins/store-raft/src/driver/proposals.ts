import type { Env, TimerHandle } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { packCommand, type Command } from '../command.ts';
import type { Entry, Proposal, ProposeResult, Refusal } from '../raft/index.ts';
import type { Applied } from '../state/applied.ts';
import type { AppliedEntry } from '../state/state-machine.ts';

interface Open {
  readonly sequence: number;
  readonly command: Command;
  readonly data: Buffer;
  readonly deadlineMs: number;
  /** It was in the hands of a leader at least once: its outcome is not certain until it is applied. */
  proposed: boolean;
  /** When it was last handed to a leader; undefined: it waits. */
  sentMs: number | undefined;
  resolve(applied: Applied): void;
  reject(error: unknown): void;
}

export interface ProposalOptions {
  readonly env: Env;
  readonly requestTimeoutMs: number;
  /** Larger entries are refused by the core. */
  readonly entryBytes: number;
  /** A proposal that was passed to another member is tried again after so long without an answer. */
  readonly retryMs: number;
  readonly propose: (proposals: readonly Proposal[]) => ProposeResult;
  /** This member leads. */
  readonly leads: () => boolean;
  readonly wake: () => void;
  /** For messages: why writes cannot be done now. */
  readonly trouble: () => string;
}

/** More open proposals than these are refused. */
const openLimit = 20_000;
const openLimitBytes = 256 * 1024 * 1024;
const proposeEntries = 1_000;
const proposeBytes = 1024 * 1024;
/** Of an entry's bytes that are not its data. */
const entryHeadBytes = 256;
const retryAfterRefusalMs = 20;

/**
 * The commands of this member on their way through the log. Each is tried until it is applied or its time is over; a retry carries
 * the id of the first try, so that it is applied once.
 */
export class Proposals {
  readonly #options: ProposalOptions;
  #session: number | undefined;
  /** The entry that opens the session: who proposed it knows it by the nonce. */
  #registration: { readonly nonce: string; readonly sentMs: number } | undefined;
  #lastSequence = 0;
  /** In order of their numbers. */
  readonly #open = new Map<number, Open>();
  #openBytes = 0;
  #waiting: Open[] = [];
  #pauseTimer: TimerHandle | undefined;
  readonly #checkTimer: TimerHandle;
  #closed: StoreError | undefined;

  constructor(options: ProposalOptions) {
    this.#options = options;
    this.#checkTimer = options.env.timers.every(Math.max(20, options.retryMs / 4), () => this.#check());
  }

  /** Resolves when the command is applied. @throws StoreError UNAVAILABLE, STOPPED */
  submit(command: Command): Promise<Applied> {
    return new Promise<Applied>((resolve, reject) => {
      if (this.#closed !== undefined) {
        reject(this.#closed);
        return;
      }
      const data = packCommand(command);
      if (data.byteLength + entryHeadBytes > this.#options.entryBytes) {
        reject(tooLarge());
        return;
      }
      if (this.#open.size >= openLimit || this.#openBytes + data.byteLength > openLimitBytes) {
        reject(
          new StoreError('UNAVAILABLE', 'too many writes wait for the store: try again later', { notApplied: true }),
        );
        return;
      }
      const { env, requestTimeoutMs } = this.#options;
      const open: Open = {
        sequence: ++this.#lastSequence,
        command,
        data,
        deadlineMs: env.clock.monotonic() + requestTimeoutMs,
        proposed: false,
        sentMs: undefined,
        resolve,
        reject,
      };
      this.#open.set(open.sequence, open);
      this.#openBytes += data.byteLength;
      this.#waiting.push(open);
      this.#options.wake();
    });
  }

  /** Writes without an answer, and how many places they take in the row of those that wait to be proposed. */
  get counts(): { readonly open: number; readonly waiting: number } {
    return { open: this.#open.size, waiting: this.#waiting.length };
  }

  /** Gives what waits to the core. Called in its turn. */
  flush(): void {
    if (this.#waiting.length === 0 || this.#pauseTimer !== undefined) return;
    if (this.#session === undefined) {
      this.#register();
      return;
    }
    while (this.#waiting.length > 0) {
      const part = this.#nextPart().filter((open) => this.#open.has(open.sequence));
      if (part.length === 0) continue;
      const result = this.#options.propose(part.map((open) => this.#proposalOf(open)));
      if (result.type === 'refused') {
        this.#refused(part, result.reason);
        return;
      }
      const sentMs = this.#options.env.clock.monotonic();
      for (const open of part) {
        open.sentMs = sentMs;
        open.proposed = true;
      }
    }
  }

  /** The command of an entry that this member proposed, so that it need not be unpacked. */
  commandOf(entry: Entry): Command | undefined {
    if (entry.type !== 'command' || entry.id === undefined || entry.id.session !== this.#session) return undefined;
    return this.#open.get(entry.id.sequence)?.command;
  }

  /** An entry has been applied. */
  applied(entry: Entry, { id, applied }: AppliedEntry): void {
    if (entry.type === 'register' && entry.nonce === this.#registration?.nonce) {
      this.#registration = undefined;
      this.#session = entry.index;
      this.#options.wake();
    }
    if (id === undefined || id.session !== this.#session) return;
    const open = this.#open.get(id.sequence);
    if (open === undefined) return;
    if (applied !== undefined) {
      this.#close(open);
      open.resolve(applied);
      return;
    }
    // The group has forgotten the session. What was tried under it may have been applied, and would be again under another.
    this.#session = undefined;
    this.#endAll((one) => one.proposed, unknownOutcome('the group has forgotten the session of this member'));
    this.#options.wake();
  }

  /** Role, leader or term changed: what is on its way may be lost. */
  leaderChanged(): void {
    this.#registration = undefined;
    this.#resend(() => true);
    this.#pauseTimer?.cancel();
    this.#pauseTimer = undefined;
    this.#options.wake();
  }

  /** The state was replaced: entries with answers may never be seen here. */
  stateReplaced(): void {
    this.leaderChanged();
  }

  /** The leader did not take it. */
  refused(proposal: Proposal, reason: Refusal): void {
    if (proposal.type === 'register') {
      this.#registration = undefined;
      this.#pause();
      return;
    }
    const open = proposal.id?.session === this.#session ? this.#open.get(proposal.id?.sequence ?? 0) : undefined;
    if (open?.sentMs === undefined) return;
    open.sentMs = undefined;
    this.#refused([open], reason, true);
  }

  /** Everything that is open fails with it, and everything that comes. */
  close(error: StoreError): void {
    this.#closed = error;
    this.#checkTimer.cancel();
    this.#pauseTimer?.cancel();
    this.#waiting = [];
    for (const open of this.#open.values()) open.reject(error);
    this.#open.clear();
    this.#openBytes = 0;
  }

  /** What waits or is on its way fails now: the disk takes nothing more. */
  failAll(error: (proposed: boolean) => StoreError): void {
    this.#endAll((open) => open.proposed, error(true));
    this.#endAll(() => true, error(false));
  }

  #register(): void {
    if (this.#registration !== undefined) return;
    const { env, propose } = this.#options;
    const nonce = env.random.uuid();
    const result = propose([{ type: 'register', nonce }]);
    if (result.type === 'refused') this.#pause();
    else this.#registration = { nonce, sentMs: env.clock.monotonic() };
  }

  #nextPart(): Open[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < proposeEntries && bytes < proposeBytes) {
      bytes += this.#waiting[count]?.data.byteLength ?? 0;
      count++;
    }
    return count === this.#waiting.length ? this.#takeAll() : this.#waiting.splice(0, count);
  }

  #takeAll(): Open[] {
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  #proposalOf({ sequence, data }: Open): Proposal {
    const floor: number = this.#open.keys().next().value ?? sequence;
    return { type: 'command', id: { session: this.#session ?? 0, sequence, floor }, data };
  }

  #refused(part: readonly Open[], reason: Refusal, late = false): void {
    if (reason === 'tooLarge') {
      for (const open of part) {
        this.#end(open, tooLarge());
      }
      this.#options.wake();
      return;
    }
    // `late`: others may have gone on meanwhile; the order of concurrent writes is free.
    this.#waiting = late ? [...this.#waiting, ...part] : [...part, ...this.#waiting];
    this.#pause();
  }

  #pause(): void {
    this.#pauseTimer ??= this.#options.env.timers.after(retryAfterRefusalMs, () => {
      this.#pauseTimer = undefined;
      this.#options.wake();
    });
  }

  #resend(which: (open: Open) => boolean): void {
    const again = [...this.#open.values()].filter((open) => open.sentMs !== undefined && which(open));
    for (const open of again) open.sentMs = undefined;
    if (again.length > 0) this.#waiting = [...again, ...this.#waiting];
  }

  #check(): void {
    if (this.#open.size === 0) return;
    const { env, retryMs, leads, trouble, wake } = this.#options;
    const now = env.clock.monotonic();
    const late = ({ deadlineMs }: Open): boolean => deadlineMs <= now;
    // The oldest comes first.
    const [oldest] = this.#open.values();
    if (oldest !== undefined && late(oldest)) {
      this.#endAll((open) => late(open) && open.proposed, unknownOutcome(trouble()));
      this.#endAll(late, notDone(trouble()));
    }
    if (leads()) return;
    if (this.#registration !== undefined && this.#registration.sentMs + retryMs <= now) this.#registration = undefined;
    this.#resend((open) => (open.sentMs ?? now) + retryMs <= now);
    if (this.#waiting.length > 0) wake();
  }

  #endAll(which: (open: Open) => boolean, error: StoreError): void {
    for (const open of this.#open.values()) if (which(open)) this.#end(open, error);
    this.#waiting = this.#waiting.filter(({ sequence }) => this.#open.has(sequence));
  }

  /** It may still stand in the row of those that wait, and is passed over there. */
  #end(open: Open, error: StoreError): void {
    this.#close(open);
    open.reject(error);
  }

  #close(open: Open): void {
    this.#open.delete(open.sequence);
    this.#openBytes -= open.data.byteLength;
  }
}

function tooLarge(): StoreError {
  return new StoreError('TOO_LARGE', 'the txn is larger than an entry of the log may be: split it');
}

function notDone(trouble: string): StoreError {
  return new StoreError('UNAVAILABLE', `the write was not done: ${trouble}`, { notApplied: true });
}

function unknownOutcome(trouble: string): StoreError {
  return new StoreError(
    'UNAVAILABLE',
    `whether the write was done is not known: ${trouble}; read before you try again`,
  );
}
