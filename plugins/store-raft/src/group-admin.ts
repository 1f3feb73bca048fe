import { createHash } from 'node:crypto';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import {
  checkRevision,
  StoreError,
  type Lease,
  type MemberCheck,
  type MemberStatus,
  type StoreAdmin,
  type StoreCheck,
  type StoreHash,
  type StoreMember,
  type StoreStatus,
} from '@timonel/sdk/contracts/store';
import { formatAddress, parseAddress } from './driver/addresses.ts';
import type { Driver } from './driver/driver.ts';
import type { LeaderLeases } from './driver/leader-leases.ts';
import type { MemberData } from './member/open-member.ts';
import { checkCall, type CallArguments, type CallMethod } from './peer-calls.ts';
import type { MemberId, MemberProgress } from './raft/index.ts';
import type { Transport } from './transport/types.ts';

export interface GroupAdminOptions {
  readonly env: Env;
  readonly driver: Driver;
  readonly data: MemberData;
  readonly leases: LeaderLeases;
  readonly transport: Transport | undefined;
  readonly requestTimeoutMs: number;
  readonly compact: (revision: number) => Promise<void>;
  readonly barrier: () => Promise<number>;
}

const hashPageKeys = 500;
const retryMs = 50;
/** Reading all of a large state takes time. */
const checkTimeoutMs = 60_000;
/** A revision may be compacted while it is read: then a later one is. */
const checkTries = 3;

interface Attempt {
  readonly value?: unknown;
  readonly error?: string;
  readonly code?: string | undefined;
}

/** What members do for each other, and for operators. */
export class GroupAdmin implements StoreAdmin {
  readonly #options: GroupAdminOptions;

  constructor(options: GroupAdminOptions) {
    this.#options = options;
  }

  /** A call of another member, or of this one. @throws StoreError */
  async handle(method: string, given: unknown): Promise<unknown> {
    const call = checkCall(method, given);
    // Checked by its own schema just now.
    const payload = call.payload as never;
    return this.#handlers[call.method](payload);
  }

  /** Gives the lease its full time again, wherever the leader is. @throws StoreError LEASE_NOT_FOUND, UNAVAILABLE */
  async keepAlive(leaseId: number): Promise<Lease> {
    return (await this.#askLeader('keepAlive', { leaseId })) as Lease;
  }

  async members(): Promise<readonly MemberStatus[]> {
    const { driver } = this.#options;
    const [progress, list] = [await this.#progress(), this.list()];
    return Promise.all(
      list.map(async (member): Promise<MemberStatus> => {
        const { value, error } = await this.#try(member.id, 'status', {});
        // What another member answers is shown, and not acted on.
        const status = value as StoreStatus | undefined;
        const matchIndex = progress?.find((one) => one.id === member.id)?.match;
        const leader = driver.soft.leader === member.id;
        return { ...member, self: member.id === driver.memberId, leader, status, error, matchIndex };
      }),
    );
  }

  async addLearner(member: { readonly id: string; readonly name: string; readonly peerUrl: string }): Promise<void> {
    if (this.#options.transport === undefined) {
      throw new StoreError(
        'REFUSED',
        'this store runs alone and listens to no other members: start it with `timonel server`, which lets others join',
      );
    }
    await this.#askLeader('addLearner', member);
  }

  async promote(id: string): Promise<void> {
    await this.#askLeader('promote', { id });
  }

  async remove(id: string): Promise<void> {
    await this.#askLeader('remove', { id });
  }

  async moveLeader(id?: string): Promise<void> {
    await this.#askLeader('moveLeader', id === undefined ? {} : { id });
  }

  compact(revision: number): Promise<void> {
    return this.#options.compact(revision);
  }

  async hash(revision: number): Promise<StoreHash> {
    const { env, data, driver } = this.#options;
    const { machine } = data;
    const at = revision === 0 ? machine.standing.revision : revision;
    const digest = createHash('sha256');
    let keys = 0;
    let startKey: string | undefined;
    for (;;) {
      const start = startKey === undefined ? {} : { startKey };
      checkRevision(at, machine.standing.revision, machine.standing.compactedRevision);
      const page = machine.reader.range({ prefix: '', limit: hashPageKeys, revision: at, ...start });
      for (const { key, value, createRevision, modRevision, version, lease } of page.kvs) {
        digest.update(
          `${JSON.stringify(key)} ${createRevision} ${modRevision} ${version} ${lease} ${value.byteLength}\n`,
        );
        digest.update(value);
      }
      keys += page.kvs.length;
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) break;
      startKey = `${last.key}\0`;
      await env.timers.sleep(0);
    }
    return { memberId: driver.memberId, revision: at, hash: digest.digest('hex'), keys };
  }

  async check(): Promise<StoreCheck> {
    for (let tries = 1; ; tries++) {
      const { report, compacted } = await this.#checkOnce();
      if (!compacted || tries === checkTries) return report;
    }
  }

  /** `compacted`: the revision was given up while a member read it. */
  async #checkOnce(): Promise<{ readonly report: StoreCheck; readonly compacted: boolean }> {
    const revision = await this.#options.barrier();
    let compacted = false;
    const members = await Promise.all(
      this.list().map(async ({ id: memberId, name }): Promise<MemberCheck> => {
        const { value, error, code } = await this.#try(memberId, 'verify', { revision });
        if (code === 'COMPACTED') compacted = true;
        const verified = value as { hash: StoreHash; problems: string[] } | undefined;
        const problems = error === undefined ? (verified?.problems ?? []) : [error];
        return { memberId, name, hash: verified?.hash, problems };
      }),
    );
    const hashes = new Set(members.map(({ hash }) => hash?.hash));
    const sound = members.every(({ problems }) => problems.length === 0);
    return { report: { revision, healthy: sound && hashes.size === 1, members }, compacted };
  }

  /** The members as this one's configuration has them. */
  list(): StoreMember[] {
    const { voters, outgoing, learners, addresses } = this.#options.driver.status().configuration;
    const voting = new Set([...voters, ...outgoing]);
    return [...voting, ...learners].map((id) => {
      const { name, peerUrl } = parseAddress(id, addresses[id]);
      return { id, name, peerUrls: peerUrl === '' ? [] : [peerUrl], learner: !voting.has(id) };
    });
  }

  status(): StoreStatus {
    const { driver, data } = this.#options;
    const { revision, compactedRevision, appliedIndex } = data.machine.standing;
    return {
      implementation: 'store-raft',
      revision,
      compactedRevision,
      memberId: driver.memberId,
      leaderId: driver.soft.leader,
      term: driver.soft.term,
      appliedIndex,
      members: this.list(),
      sizeBytes: data.machine.file.sizeBytes + data.log.sizeBytes(),
    };
  }

  readonly #handlers: { readonly [M in CallMethod]: (payload: CallArguments<M>) => unknown } = {
    keepAlive: async ({ leaseId }) => {
      this.#checkLeads();
      // One that was stopped for a while may believe so; and one that has just been elected may not have applied all yet.
      await this.#options.barrier();
      this.#checkLeads();
      return this.#options.leases.keepAlive(leaseId);
    },
    addLearner: async (member) => {
      this.#checkLeads();
      const known = this.list().find(({ id }) => id === member.id);
      const address = formatAddress(member);
      // A retry of what was done.
      if (known !== undefined && formatAddress({ name: known.name, peerUrl: known.peerUrls[0] ?? '' }) === address)
        return;
      await this.#options.driver.changeMembership({ addLearners: [{ id: member.id, address }] });
    },
    promote: async ({ id }) => {
      this.#checkLeads();
      if (this.list().some((member) => member.id === id && !member.learner)) return;
      await this.#options.driver.changeMembership({ promote: [id] });
    },
    remove: async ({ id }) => {
      this.#checkLeads();
      await this.#options.driver.changeMembership({ remove: [id] });
    },
    moveLeader: async ({ id }) => {
      this.#checkLeads();
      if (id === this.#options.driver.memberId) return;
      await this.#options.driver.transferLeadership(id);
    },
    progress: (): readonly MemberProgress[] => {
      this.#checkLeads();
      const { id, lastIndex, progress } = this.#options.driver.status();
      // The core does not count the leader itself. What it has not on its disk yet is there in a moment.
      return [...progress, { id, state: 'replicate', match: lastIndex, active: true }];
    },
    status: () => this.status(),
    hash: async ({ revision }) => {
      await this.#options.barrier();
      return this.hash(revision);
    },
    verify: async ({ revision }) => {
      await this.#options.barrier();
      const hash = await this.hash(revision);
      return { hash, problems: await this.#fileProblems() };
    },
  };

  async #fileProblems(): Promise<string[]> {
    const { env, data, driver } = this.#options;
    const problems = [...(await data.log.check())];
    await driver.checkpoint();
    const { file } = data.machine;
    const frozen = file.freeze();
    let read = 0;
    try {
      for (const { key, createRevision, modRevision } of frozen.kvs) {
        const odd = createRevision === 0 || createRevision > modRevision;
        if (odd) problems.push(`${file.path}: the record of ${key} does not make sense`);
        if (++read % 2_000 === 0) await env.timers.sleep(0);
      }
    } finally {
      frozen.done();
    }
    return problems;
  }

  #checkLeads(): void {
    if (!this.#options.driver.leads) throw new StoreError('UNAVAILABLE', 'this member does not lead');
  }

  /** Asks the leader, and the next one when it changes meanwhile. */
  async #askLeader<M extends CallMethod>(method: M, payload: CallArguments<M>): Promise<unknown> {
    const { env, driver, requestTimeoutMs } = this.#options;
    const deadlineMs = env.clock.monotonic() + requestTimeoutMs;
    for (;;) {
      const leader = await driver.leaderKnown();
      try {
        return await this.#ask(leader, method, payload, requestTimeoutMs);
      } catch (error) {
        // Every call may be repeated; one that was done already says so, or is refused.
        if (errorCode(error) !== 'UNAVAILABLE' || env.clock.monotonic() >= deadlineMs) throw error;
      }
      await env.timers.sleep(retryMs);
    }
  }

  async #ask(to: MemberId, method: CallMethod, payload: unknown, timeoutMs: number): Promise<unknown> {
    const { driver, transport } = this.#options;
    if (to === driver.memberId) return this.handle(method, payload);
    if (transport === undefined) throw new StoreError('UNAVAILABLE', `the member ${to} cannot be reached`);
    return transport.call(to, method, payload, timeoutMs);
  }

  async #try(to: MemberId, method: CallMethod, payload: unknown): Promise<Attempt> {
    const timeoutMs = method === 'status' ? this.#options.requestTimeoutMs : checkTimeoutMs;
    try {
      return { value: await this.#ask(to, method, payload, timeoutMs) };
    } catch (error) {
      return { error: errorMessage(error), code: errorCode(error) };
    }
  }

  async #progress(): Promise<readonly MemberProgress[] | undefined> {
    try {
      return (await this.#askLeader('progress', {})) as readonly MemberProgress[];
    } catch {
      return undefined;
    }
  }
}
