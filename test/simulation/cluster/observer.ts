import type { Entry, LogBase, SoftState } from '../../../plugins/store-raft/src/raft/types.ts';
import { Commitment, ElectionSafety, LogMatching, StateEquality } from '../checkers/consensus.ts';
import { LeaseEnds } from '../checkers/leases.ts';
import { Truth } from '../checkers/truth.ts';
import type { Trace } from '../parts/trace.ts';
import type { Scheduler } from '../parts/scheduler.ts';
import type { History } from '../workload/history.ts';
import type { Applied, KvMachine } from './kv-machine.ts';
import type { MemberProcess } from './process.ts';
import type { Command } from './wire.ts';

/** Sees everything that members do, tells the checkers and the trace. Members cannot see it. */
export class Observer {
  readonly violations: string[] = [];
  readonly counts: Record<string, number> = {};
  /** Called in the very moment in which a member begins to lead, before anything that it sends then is under way. */
  onLeader: ((member: string) => void) | undefined;
  /** Called when a member has an entry in its log, before that is safe on its disk. */
  onAppended: ((member: string, entry: Entry) => void) | undefined;
  readonly truth: Truth;
  readonly history: History;
  readonly leases: LeaseEnds;
  readonly #expiries = new Set<string>();
  readonly #elections: ElectionSafety;
  readonly #logs: LogMatching;
  readonly #commitment: Commitment;
  readonly #states: StateEquality;
  readonly #contents: StateEquality;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, trace: Trace, history: History) {
    this.#scheduler = scheduler;
    this.#trace = trace;
    this.history = history;
    const report = (text: string): void => this.violation(text);
    this.truth = new Truth(report);
    this.leases = new LeaseEnds(() => ({ at: history.tick(), atMs: scheduler.nowMs }));
    this.#elections = new ElectionSafety(report);
    this.#logs = new LogMatching(report);
    this.#commitment = new Commitment(report);
    this.#states = new StateEquality(report);
    this.#contents = new StateEquality(report);
  }

  violation(text: string): void {
    this.violations.push(text);
    this.note(`VIOLATION ${text}`);
  }

  note(text: string): void {
    this.#trace.add(this.#scheduler.nowMs, text);
  }

  detail(text: () => string): void {
    this.#trace.detail(this.#scheduler.nowMs, text);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  starts(member: string, process: MemberProcess): void {
    const { base, lastIndex } = process.storage;
    this.note(`${member} starts: log ${base.index}..${lastIndex}, applied ${process.appliedIndex}`);
    this.#commitment.startsBehind(member, process.appliedIndex);
  }

  softState(member: string, { role, term, leader }: SoftState, process: MemberProcess): void {
    this.note(`${member} ${role} in term ${term}, leader ${leader ?? '-'}`);
    if (role !== 'leader') return;
    this.count('leaders');
    this.#elections.leads(member, term);
    const { base } = process.storage;
    // What waits to be written is the leader's own first entry, or was there before it was elected.
    this.#commitment.leads(member, term, base.index, (index) => process.logTerm(index));
    this.onLeader?.(member);
  }

  appended(member: string, entry: Entry, previousTerm: number | undefined): void {
    this.note(`${member} log ${entry.index}/${entry.term} ${entry.type}`);
    if (previousTerm === undefined) this.violation(`${member} appended ${entry.index} with a gap before it`);
    else this.#logs.appended(member, entry, previousTerm);
    this.onAppended?.(member, entry);
  }

  committed(member: string, entry: Entry, term: number): void {
    if (this.#commitment.committed(member, entry, term))
      this.note(`committed ${entry.index}/${entry.term} by ${member}`);
  }

  /** A leader proposes to end a lease: an operation like a client's, of unknown outcome. The name that it goes by. */
  expires(member: string, leaseId: number, term: number): string {
    const client = `${member}@${term}`;
    const origin = `${client}/${leaseId}`;
    if (this.#expiries.has(origin)) return origin;
    this.#expiries.add(origin);
    this.note(`${member} ends lease ${leaseId} in term ${term}`);
    this.history.call(client, leaseId, { type: 'expire', leaseId, term });
    return origin;
  }

  changed(member: string, command: Command, applied: Applied): void {
    if (applied.type !== 'answer') return;
    const { change, endedLease } = applied;
    if (endedLease !== undefined && this.leases.ended(endedLease, command.operation.type === 'expire')) {
      this.count(command.operation.type === 'expire' ? 'leases run out' : 'leases revoked');
    }
    if (change === undefined) return;
    const known = this.truth.at(change.revision);
    if (known === undefined) this.truth.add(change, command.origin, this.history.tick());
    else if (known.origin !== command.origin) {
      this.violation(`${member} made revision ${change.revision} of ${command.origin}, others of ${known.origin}`);
    }
  }

  applied(member: string, index: number, machine: KvMachine): void {
    this.#states.applied(member, index, machine.hash);
    if (index % 32 === 0) this.#contents.applied(member, index, machine.contentHash());
  }

  installed(member: string, base: LogBase, machine: KvMachine): void {
    this.count('snapshots');
    this.note(`${member} installed ${base.index}/${base.term}`);
    this.#commitment.snapshotInstalled(member, base);
    this.#states.applied(member, base.index, machine.hash);
  }

  /** At the end: all that is left of a member's state. */
  compareContent(member: string, index: number, machine: KvMachine): void {
    this.#contents.applied(member, index, machine.contentHash());
  }
}
