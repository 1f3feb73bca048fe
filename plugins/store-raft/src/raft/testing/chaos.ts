/** One seeded run of a cluster under everything that may go wrong. The checker looks at every step. */
import type { MemberId, Proposal } from '../types.ts';
import { seeded } from './seeded.ts';
import { TestCluster } from './test-cluster.ts';
import type { MemberOptions, TestMember } from './test-member.ts';

export interface ChaosResult {
  readonly steps: number;
  readonly committed: number;
  readonly terms: number;
  readonly requests: number;
  readonly membershipChanges: number;
  readonly installs: number;
  readonly readsAnswered: number;
  readonly restarts: number;
  /** Of all that happened: equal for equal seeds. */
  readonly trace: number;
}

const smallLimits: MemberOptions = {
  electionTicks: 6,
  messageBytes: 400,
  messageEntries: 4,
  inflightEntries: 8,
  inflightBytes: 1200,
  uncommittedBytes: 4000,
  committedBytes: 600,
  tailEntries: 6,
  tailBytes: 4000,
  snapshotChunkBytes: 64,
  snapshotBytesPerTick: 400,
  snapshotStreams: 2,
  promoteLagEntries: 5,
};

const inFlight = 300;
const maxMembers = 7;

interface Request {
  readonly proposal: Proposal;
  readonly sequence: number;
}

export class Chaos {
  readonly #random: (bound: number) => number;
  readonly #cluster: TestCluster;
  /** All clocks run equally: then reads by lease are safe, and made. */
  readonly #lockstep: boolean;
  #session = 0;
  #sequence = 0;
  #open: Request[] = [];
  #nextMember: number;
  #context = 0;
  #trace = 0;
  #installs = 0;
  #reads = 0;
  #changes = 0;
  #restarts = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.#lockstep = seed % 2 === 0;
    const size = [1, 3, 3, 4, 5].at(this.#random(5)) as number;
    this.#nextMember = size + 1;
    this.#cluster = new TestCluster({
      founders: Array.from({ length: size }, (_, at) => String(at + 1)),
      random: this.#random,
      options: smallLimits,
      onReady: (member, ready) => {
        this.#mix(Number(member.id), ready.messages.length, ready.entries.length, ready.committed.length);
        if (ready.snapshotChunks.some(({ last }) => last)) this.#installs++;
        this.#reads += ready.reads.filter(({ index }) => index !== undefined).length;
      },
      onApplied: (_, entry) => {
        if (entry.type === 'register') this.#session = Math.max(this.#session, entry.index);
        if (entry.type === 'command') this.#open = this.#open.filter(({ sequence }) => sequence !== entry.id?.sequence);
        if (entry.type === 'configuration') this.#changes++;
      },
    });
  }

  run(steps: number): ChaosResult {
    for (const member of this.#cluster.members.values()) member.fastDisk = false;
    for (let at = 0; at < steps; at++) this.#step();
    this.#heal();
    const { checker } = this.#cluster;
    return {
      steps: this.#steps,
      committed: checker.lastCommitted,
      terms: checker.terms,
      requests: checker.requests,
      membershipChanges: this.#changes,
      installs: this.#installs,
      readsAnswered: this.#reads,
      restarts: this.#restarts,
      trace: this.#trace,
    };
  }

  #mix(...values: number[]): void {
    for (const value of values) this.#trace = (Math.imul(this.#trace ^ value, 0x01000193) + value) | 0;
  }

  #step(): void {
    this.#steps++;
    const chance = this.#random(1000);
    if (chance < 600) this.#deliverOne();
    else if (chance < 720) this.#sync();
    else if (chance < 820) this.#tick();
    else if (chance < 920) this.#propose();
    else if (chance < 950) this.#read();
    else if (chance < 975) this.#flushState();
    else if (chance < 983) this.#crash();
    else if (chance < 993) this.#changeNetwork();
    else if (chance < 997) this.#changeMembership();
    else if (chance < 998) this.#pick()?.raft.transferLeadership();
    else if (chance < 999) this.#pick()?.raft.campaign();
    else this.#reportUnreachable();
    this.#cluster.work();
  }

  #pick(): TestMember | undefined {
    const { running } = this.#cluster;
    return running[this.#random(running.length)];
  }

  #deliverOne(): void {
    const { network } = this.#cluster;
    // Links are bounded.
    if (network.length > inFlight) network.splice(this.#random(network.length), 1);
    if (network.length === 0) return;
    // Mostly in order, sometimes not.
    const at = this.#random(4) > 0 ? 0 : this.#random(Math.min(network.length, 20));
    const message = network[at];
    if (message === undefined) return;
    const fate = this.#random(100);
    if (fate >= 4) network.splice(at, 1);
    if (fate < 96) this.#cluster.deliver(message);
  }

  #sync(): void {
    const member = this.#pick();
    if (member !== undefined && member.unsynced > 0) member.sync(1 + this.#random(3));
  }

  #tick(): void {
    if (this.#lockstep) for (const { raft } of this.#cluster.running) raft.tick();
    else this.#pick()?.raft.tick(1 + (this.#random(20) === 0 ? this.#random(10) : 0));
  }

  #propose(): void {
    const member = this.#pick();
    if (member === undefined) return;
    if (this.#session === 0) {
      member.raft.propose([{ type: 'register', nonce: 'client' }]);
      return;
    }
    const retry = this.#random(3) === 0 ? this.#open[this.#random(this.#open.length)] : undefined;
    if (retry === undefined && this.#open.length >= 50) return;
    const { proposal } = retry ?? this.#newRequest();
    member.raft.propose([proposal]);
  }

  #newRequest(): Request {
    const sequence = ++this.#sequence;
    const floor = this.#open[0]?.sequence ?? sequence;
    const data = Buffer.from(`x${sequence}`.padEnd(this.#random(60)));
    const proposal = { type: 'command', id: { session: this.#session, sequence, floor }, data } as const;
    const request = { proposal, sequence };
    this.#open.push(request);
    return request;
  }

  #read(): void {
    const member = this.#pick();
    if (member === undefined) return;
    const mode = this.#lockstep && this.#random(2) === 0 ? 'lease' : 'quorum';
    this.#cluster.read(member.id, ++this.#context, mode);
  }

  #flushState(): void {
    this.#pick()?.flushState();
  }

  #crash(): void {
    const down = [...this.#cluster.members.values()].filter(({ running }) => !running);
    if (down.length > 0 && this.#random(3) > 0) {
      down[this.#random(down.length)]?.start();
      this.#restarts++;
      return;
    }
    const member = this.#pick();
    member?.crash(this.#random(member.unsynced + 1));
  }

  #changeNetwork(): void {
    const { cut, members } = this.#cluster;
    if (this.#random(2) === 0) {
      cut.clear();
      return;
    }
    const side = new Set([...members.keys()].filter(() => this.#random(2) === 0));
    const oneWay = this.#random(3) === 0;
    for (const from of members.keys()) {
      for (const to of members.keys()) {
        if (side.has(from) && !side.has(to)) {
          cut.add(`${from}>${to}`);
          if (!oneWay) cut.add(`${to}>${from}`);
        }
      }
    }
  }

  #changeMembership(): void {
    const leader = this.#cluster.leader;
    if (leader === undefined) return;
    const { configuration } = leader.raft.status();
    const { learners, voters } = configuration;
    const known = [...learners, ...voters];
    const any = (list: readonly MemberId[]): MemberId => list.at(this.#random(list.length)) as MemberId;
    if (learners.length > 0 && this.#random(3) > 0) {
      const remove = voters.length > 2 && this.#random(2) === 0 ? [any(voters)] : [];
      leader.raft.changeMembership({ promote: [any(learners)], remove });
    } else if (known.length < maxMembers && this.#random(2) === 0) {
      const id = String(this.#nextMember++);
      const result = leader.raft.changeMembership({ addLearners: [{ id, address: `host-${id}` }] });
      if (result.type !== 'started') return;
      this.#cluster.join(id);
      this.#cluster.member(id).fastDisk = false;
    } else if (known.length > 2) {
      leader.raft.changeMembership({ remove: [any(known)] });
    }
  }

  #reportUnreachable(): void {
    const other = this.#pick();
    if (other !== undefined) this.#pick()?.raft.unreachable(other.id);
  }

  /** Liveness: when all is well again, the group commits, and every member has the same state. */
  #heal(): void {
    const cluster = this.#cluster;
    cluster.cut.clear();
    for (const member of cluster.members.values()) {
      if (!member.running) member.start();
      member.fastDisk = true;
      member.sync(Infinity);
    }
    for (let at = 0; at < 60; at++) cluster.tick();
    const { leader } = cluster;
    if (leader === undefined) throw new Error('liveness: no leader after all is well again');
    const result = leader.raft.propose([{ type: 'command', data: Buffer.from('last') }]);
    if (result.type !== 'appended')
      throw new Error(`liveness: the leader refuses a proposal (${JSON.stringify(result)})`);
    for (let at = 0; at < 60; at++) cluster.tick();
    const { configuration } = leader.raft.status();
    for (const id of [...configuration.voters, ...configuration.learners]) {
      const member = cluster.member(id);
      if (member.appliedIndex < result.firstIndex) throw new Error(`liveness: ${id} has not applied the last entry`);
      if (member.hash !== leader.hash) throw new Error(`${id} has another state than ${leader.id}`);
    }
  }
}
