import type { Env, Logger } from '@timonel/sdk';
import type { MemberData } from '../member/open-member.ts';
import type { SoftState } from '../raft/index.ts';
import type { Changes } from '../state/state-machine.ts';
import type { Transport } from '../transport/types.ts';

export interface DriverTiming {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly requestTimeoutMs: number;
}

export interface DriverOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly data: MemberData;
  /** Undefined: a group of one that nobody joins. */
  readonly transport: Transport | undefined;
  readonly timing: DriverTiming;
  /** In the turn in which reads begin to see it. `replaced`: a snapshot took the place of the state. */
  readonly onChanges: (changes: Changes, replaced: boolean) => void;
  readonly onSoftState: (soft: SoftState) => void;
  /** Told once when this member cannot go on. */
  readonly onFailure: (error: unknown) => void;
}
