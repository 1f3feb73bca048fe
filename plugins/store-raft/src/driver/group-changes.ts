import type { Env } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { ChangeResult, MemberId, MembershipChange, Raft, SoftState } from '../raft/index.ts';
import { Waiters } from './waiters.ts';

export interface GroupChangesOptions {
  readonly env: Env;
  readonly raft: Raft;
  readonly timeoutMs: number;
  /** The core gives a hand-over up after an election timeout: then it may be tried again. */
  readonly handOverMs: number;
  readonly resignMs: number;
  /** Runs it as input of the core. @throws StoreError when the store has stopped */
  readonly input: <T>(action: () => T) => T;
  readonly soft: () => SoftState;
  /** For messages: why nothing goes on. */
  readonly trouble: () => string;
}

/** What operators ask of the group: each is over when it is in force. */
export class GroupChanges {
  readonly #options: GroupChangesOptions;
  readonly #waiters: Waiters;

  constructor(options: GroupChangesOptions) {
    this.#options = options;
    this.#waiters = new Waiters(options.env, options.timeoutMs);
  }

  /** Of a leader. @throws StoreError REFUSED, UNAVAILABLE */
  async changeMembership(change: MembershipChange): Promise<void> {
    const { raft, input } = this.#options;
    const result = input((): ChangeResult => raft.changeMembership(change));
    if (result.type === 'refused') {
      throw new StoreError(result.passing === true ? 'UNAVAILABLE' : 'REFUSED', result.reason);
    }
    await this.#waiters.until(
      () => {
        const status = raft.status();
        return status.term !== result.term || (!status.changing && status.applied >= result.index);
      },
      () => 'the change of the members was not agreed on in time; look at the members before you try again',
    );
    if (raft.status().term !== result.term) {
      throw new StoreError('UNAVAILABLE', 'the leader changed meanwhile: look at the members before you try again');
    }
  }

  /** Of a leader: waits until another leads, and fails when it is not the wanted one. @throws StoreError REFUSED, UNAVAILABLE */
  async transferLeadership(to?: MemberId): Promise<void> {
    const { raft, input, soft, handOverMs } = this.#options;
    const result = input(() => raft.transferLeadership(to));
    if (result.type === 'refused') throw new StoreError('REFUSED', result.reason);
    await this.#waiters.until(
      () => soft().role !== 'leader' && soft().leader !== undefined,
      () => 'no other member has taken over in time',
      handOverMs,
    );
    const { leader } = soft();
    if (to !== undefined && leader !== to) {
      throw new StoreError('UNAVAILABLE', `${leader ?? 'no member'} leads now, and not ${to}`);
    }
  }

  /** Of a leader that goes: lets another take over, if one can do so within an election timeout. Never fails. */
  async resign(): Promise<void> {
    const { raft, input, soft, resignMs } = this.#options;
    try {
      if (input(() => raft.transferLeadership()).type === 'refused') return;
      await this.#waiters.until(
        () => soft().role !== 'leader',
        () => '',
        resignMs,
      );
    } catch {
      // The others elect one when they miss it.
    }
  }

  /** Resolves when there is a leader. @throws StoreError UNAVAILABLE */
  async leaderKnown(): Promise<MemberId> {
    const { soft, trouble } = this.#options;
    await this.#waiters.until(() => soft().leader !== undefined, trouble);
    return soft().leader as MemberId;
  }

  /** Something has changed. */
  wake(): void {
    this.#waiters.wake();
  }

  close(error: StoreError): void {
    this.#waiters.fail(error);
  }
}
