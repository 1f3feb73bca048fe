/** One member on its own; the test plays the others. */
import { emptyConfiguration } from '../membership.ts';
import { createRaft } from '../node.ts';
import type { Entry, MemberId, Message, Raft, RaftOptions, Ready, StoredState } from '../types.ts';

type Of<T extends Message['type']> = Extract<Message, { type: T }>;

export interface SingleOptions extends Partial<Omit<RaftOptions, 'stored' | 'id'>> {
  readonly voters?: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  readonly term?: number;
  readonly votedFor?: MemberId;
  /** Terms of the entries 1, 2, 3 … */
  readonly log?: readonly number[];
  readonly applied?: number;
  readonly received?: StoredState['received'];
}

export function command(index: number, term: number, text = 'x'): Entry {
  return { type: 'command', index, term, data: Buffer.from(text) };
}

export class Single {
  readonly raft: Raft;
  readonly readies: Ready[] = [];

  constructor({
    voters = ['1', '2', '3'],
    learners = [],
    term,
    votedFor,
    log = [],
    applied = 0,
    received,
    ...options
  }: SingleOptions) {
    this.raft = createRaft({
      random: () => 0,
      ...options,
      id: '1',
      stored: {
        hardState: { term: term ?? log.at(-1) ?? 0, votedFor },
        base: { index: 0, term: 0, configuration: { ...emptyConfiguration, voters, learners } },
        entries: log.map((entryTerm, at) => command(at + 1, entryTerm)),
        appliedIndex: applied,
        received,
      },
    });
  }

  /** Does the driver's work until there is none. What was to be sent. */
  work(): Message[] {
    const messages: Message[] = [];
    while (this.raft.hasReady()) {
      const ready = this.raft.ready();
      this.readies.push(ready);
      messages.push(...ready.messages);
      if (ready.persistId !== undefined) this.raft.persisted(ready.persistId);
      const last = ready.committed.at(-1);
      if (last !== undefined) this.raft.applied(last.index);
    }
    return messages;
  }

  step(message: { readonly type: Message['type'] } & Record<string, unknown>): Message[] {
    this.raft.step({ to: '1', from: '2', ...message } as unknown as Message);
    return this.work();
  }

  append(message: Partial<Of<'appendRequest'>>): Of<'appendResponse'>['result'] | undefined {
    const answers = this.step({
      type: 'appendRequest',
      term: this.raft.status().term,
      prevIndex: 0,
      prevTerm: 0,
      entries: [],
      commit: 0,
      round: 0,
      ...message,
    });
    return answers.find((answer) => answer.type === 'appendResponse')?.result;
  }

  accept(from: MemberId, index: number): Message[] {
    const { term } = this.raft.status();
    return this.step({ type: 'appendResponse', from, term, round: 0, result: { type: 'accepted', index } });
  }

  askVote(message: Partial<Of<'voteRequest'>>): boolean | undefined {
    const answers = this.step({
      type: 'voteRequest',
      term: this.raft.status().term + 1,
      preVote: false,
      transfer: false,
      lastIndex: this.raft.status().lastIndex,
      lastTerm: 0,
      ...message,
    });
    return answers.find((answer) => answer.type === 'voteResponse')?.granted;
  }

  /** Waits out the longest promise and becomes a candidate of the next term by the pre-votes of all others. */
  becomeCandidate(): Message[] {
    this.raft.tick(10);
    const before = this.raft.status();
    this.raft.campaign();
    this.work();
    const { voters, outgoing } = before.configuration;
    const sent: Message[] = [];
    for (const from of [...voters, ...outgoing]) {
      if (from === '1' || this.raft.status().role !== 'preCandidate') continue;
      sent.push(...this.step({ type: 'voteResponse', from, term: before.term + 1, preVote: true, granted: true }));
    }
    return sent;
  }

  becomeLeader(): Message[] {
    this.becomeCandidate();
    const sent: Message[] = [];
    const { term, configuration } = this.raft.status();
    for (const from of configuration.voters) {
      if (from === '1' || this.raft.status().role === 'leader') continue;
      sent.push(...this.step({ type: 'voteResponse', from, term, preVote: false, granted: true }));
    }
    return sent;
  }

  get committed(): number[] {
    return this.readies.flatMap((ready) => ready.committed.map(({ index }) => index));
  }
}

export function ofType<T extends Message['type']>(messages: readonly Message[], type: T): Of<T>[] {
  return messages.filter((message): message is Of<T> => message.type === type);
}
