import type { Proposal, ProposalId, ReadResult } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Answer } from '../workload/operation.ts';
import type { Applied } from './kv-machine.ts';
import type { Member } from './member.ts';
import type { MemberProcess } from './process.ts';
import { encodeJson, type Request } from './wire.ts';

interface Asker {
  readonly client: string;
  readonly requestId: string;
}

interface WaitingRead {
  readonly asker: Asker;
  readonly answer: () => void;
  index: number | undefined;
}

/** The client side of one member: who waits for what. Nothing of it survives a crash; clients ask again. */
export class Requests {
  readonly #process: MemberProcess;
  readonly #member: Member;
  // By `session/sequence`, or by nonce: a client may have asked twice.
  readonly #writes = new Map<string, Asker[]>();
  readonly #reads = new Map<number, WaitingRead>();
  #context = 0;

  constructor(process: MemberProcess, member: Member) {
    this.#process = process;
    this.#member = member;
  }

  handle(client: string, request: Request): void {
    switch (request.type) {
      case 'register':
        return this.#propose({ client, requestId: request.requestId }, { type: 'register', nonce: request.nonce });
      case 'write': {
        const data = encodeJson(request.command);
        return this.#propose({ client, requestId: request.requestId }, { type: 'command', id: request.id, data });
      }
      case 'read':
        return this.#read({ client, requestId: request.requestId }, request);
      case 'keepAlive':
        return this.#keepAlive({ client, requestId: request.requestId }, request);
      case 'watch':
        this.#watch(client, request);
        this.#process.hub.flush(this.#process.machine);
    }
  }

  /** The state machine went on. */
  applied(): void {
    for (const [context, read] of this.#reads) {
      if (read.index === undefined || read.index > this.#process.appliedIndex) continue;
      this.#reads.delete(context);
      read.answer();
    }
  }

  readReady(result: ReadResult): void {
    const read = this.#reads.get(result.context);
    if (read === undefined) return;
    if (result.index === undefined) {
      this.#reads.delete(result.context);
      this.#refuse(read.asker, 'no read index');
      return;
    }
    read.index = result.index;
    this.applied();
  }

  registered(nonce: string, session: number): void {
    for (const { client, requestId } of this.#take(nonce)) {
      this.#member.reply(client, { type: 'session', requestId, session });
    }
  }

  written(id: ProposalId, applied: Applied): void {
    for (const { client, requestId } of this.#take(keyOf(id))) {
      if (applied.type === 'answer') {
        this.#answer({ client, requestId }, applied.answer);
      } else if (applied.type === 'noSession') this.#member.reply(client, { type: 'noSession', requestId });
    }
  }

  refused(proposal: Proposal, reason: string): void {
    const key = proposal.type === 'register' ? proposal.nonce : proposal.id === undefined ? '' : keyOf(proposal.id);
    for (const asker of this.#take(key)) this.#refuse(asker, reason);
  }

  #propose(asker: Asker, proposal: Proposal): void {
    const result = this.#process.propose(proposal);
    if (result.type === 'refused') return this.#refuse(asker, result.reason);
    const key = proposal.type === 'register' ? proposal.nonce : keyOf(proposal.id as ProposalId);
    this.#writes.set(key, [...(this.#writes.get(key) ?? []), asker]);
  }

  #watch(client: string, request: Extract<Request, { type: 'watch' }>): void {
    const { stream } = request;
    const server = this.#member.processName;
    this.#process.hub.open(stream, request, (number, part) =>
      this.#member.reply(client, { type: 'watched', stream, server, number, part }),
    );
  }

  #read(asker: Asker, { from, to, mode }: Extract<Request, { type: 'read' }>): void {
    const answer = (): void => this.#answer(asker, this.#process.machine.read(from, to));
    if (mode === 'serializable') answer();
    else this.#ask(asker, mode, answer);
  }

  /** A read as others are: who leads no more must not promise anything. */
  #keepAlive(asker: Asker, { leaseId, mode }: Extract<Request, { type: 'keepAlive' }>): void {
    if (this.#process.softState.role !== 'leader') return this.#refuse(asker, 'not the leader');
    this.#ask(asker, mode, () => {
      const outcome = this.#process.leases.keepAlive(leaseId);
      if (outcome === 'notHere') return this.#refuse(asker, 'the lease is not counted here');
      const { revision } = this.#process.machine;
      this.#answer(asker, { revision, changed: false, kvs: [], lease: outcome === 'kept' ? leaseId : 0 });
    });
  }

  #ask(asker: Asker, mode: 'quorum' | 'lease', answer: () => void): void {
    const context = ++this.#context;
    this.#reads.set(context, { asker, answer, index: undefined });
    this.#process.raft.read(context, mode);
  }

  #answer({ client, requestId }: Asker, answer: Answer): void {
    this.#member.reply(client, { type: 'answer', requestId, answer });
  }

  #refuse({ client, requestId }: Asker, reason: string): void {
    this.#member.reply(client, { type: 'refused', requestId, reason });
  }

  #take(key: string): readonly Asker[] {
    const askers = this.#writes.get(key) ?? [];
    this.#writes.delete(key);
    return askers;
  }
}

function keyOf({ session, sequence }: ProposalId): string {
  return `${session}/${sequence}`;
}
