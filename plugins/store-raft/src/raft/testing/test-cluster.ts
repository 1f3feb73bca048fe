/** Members and the messages between them, in one thread, under the checker. */
import { emptyConfiguration } from '../membership.ts';
import type { Configuration, Entry, MemberId, Message, ReadResult, Ready } from '../types.ts';
import { Checker } from './checker.ts';
import { TestMember, type MemberOptions } from './test-member.ts';

export interface ClusterOptions {
  readonly founders: readonly MemberId[];
  readonly random: (bound: number) => number;
  readonly options?: MemberOptions;
  readonly onReady?: (member: TestMember, ready: Ready) => void;
  readonly onApplied?: (member: TestMember, entry: Entry) => void;
}

export class TestCluster {
  readonly checker: Checker = new Checker();
  readonly members: Map<MemberId, TestMember> = new Map();
  /** On their way, oldest first. */
  network: Message[] = [];
  /** Links that carry nothing: 'from>to'. */
  readonly cut: Set<string> = new Set();
  readonly #options: ClusterOptions;
  readonly #reads = new Map<string, number>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    const configuration = { ...emptyConfiguration, voters: options.founders };
    for (const id of options.founders) this.#start(id, configuration);
  }

  /** A member with an empty disk, to be added by a change. */
  join(id: MemberId): void {
    this.#start(id, emptyConfiguration);
  }

  #start(id: MemberId, configuration: Configuration): void {
    const { options = {}, random } = this.#options;
    const member = new TestMember(id, { index: 0, term: 0, configuration }, options, random, {
      ready: (from, ready) => this.#onReady(from, ready),
      applied: (from, entry, isNew) => this.#onApplied(from, entry, isNew),
    });
    this.members.set(id, member);
  }

  member(id: MemberId): TestMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  get running(): TestMember[] {
    return [...this.members.values()].filter(({ running }) => running);
  }

  /** The leader of the latest term. */
  get leader(): TestMember | undefined {
    return this.running
      .filter(({ raft }) => raft.status().role === 'leader')
      .sort((a, b) => b.raft.status().term - a.raft.status().term)[0];
  }

  /** All members do what there is to do; no message arrives. */
  work(): void {
    for (const member of this.running) member.work();
  }

  deliver(message: Message): void {
    const to = this.members.get(message.to);
    if (to?.running !== true || this.cut.has(`${message.from}>${message.to}`)) return;
    to.raft.step(message);
    to.work();
  }

  /** Until no message is on its way. */
  settle(): void {
    this.work();
    for (let turn = 0; this.network.length > 0; turn++) {
      if (turn > 10_000) throw new Error('the messages never end');
      this.deliver(this.network.shift() as Message);
    }
  }

  tick(count = 1): void {
    for (let at = 0; at < count; at++) {
      for (const { raft } of this.running) raft.tick();
      this.settle();
    }
  }

  read(id: MemberId, context: number, mode: 'quorum' | 'lease'): void {
    this.#reads.set(`${id} ${context}`, this.checker.lastCommitted);
    this.member(id).raft.read(context, mode);
  }

  #onReady(member: TestMember, ready: Ready): void {
    const { checker } = this;
    if (ready.softState?.role === 'leader') {
      checker.leads(member.id, ready.softState.term);
      checker.leaderHas(member.id, ready.softState.term, (index, term) => member.knows(index, term));
    }
    let previousTerm = ready.entries[0] === undefined ? undefined : member.term(ready.entries[0].index - 1);
    for (const entry of ready.entries) {
      checker.hasEntry(entry, previousTerm);
      previousTerm = entry.term;
    }
    const status = ready.committed.length > 0 ? member.raft.status() : undefined;
    const last = ready.committed.at(-1);
    if (status?.role === 'leader' && last?.term === status.term && !status.changing) {
      checker.committedBy(member.id, last, status.configuration, (id) => this.members.get(id));
    }
    for (const entry of ready.committed) {
      if (status?.role !== 'leader' || entry.type !== 'configuration' || entry.term !== status.term) continue;
      checker.committedBy(member.id, entry, entry.configuration, (id) => this.members.get(id));
    }
    for (const read of ready.reads) this.#onRead(member, read);
    this.network.push(...ready.messages);
    this.#options.onReady?.(member, ready);
  }

  /** Linearizability: what was committed before the read was asked for is seen by it. */
  #onRead(member: TestMember, { context, index }: ReadResult): void {
    const atLeast = this.#reads.get(`${member.id} ${context}`) ?? 0;
    if (index !== undefined && index < atLeast) {
      throw new Error(`stale read: ${member.id} reads at ${index}, but ${atLeast} was committed before`);
    }
  }

  #onApplied(member: TestMember, entry: Entry, isNew: boolean): void {
    this.checker.applies(member.id, entry);
    if (isNew && entry.type === 'command' && entry.id !== undefined) {
      this.checker.requestApplied(entry.id.session, entry.id.sequence, entry.index);
    }
    this.#options.onApplied?.(member, entry);
  }
}
