import { invariant } from '@timonel/sdk';
import type { RaftOptions } from './types.ts';

const MiB = 1024 * 1024;

export type Settings = Required<Omit<RaftOptions, 'id' | 'stored' | 'random'>>;

/** The options with their defaults. */
export function settingsOf(options: RaftOptions): Settings {
  const { id: _id, stored: _stored, random: _random, ...given } = options;
  const electionTicks = options.electionTicks ?? 10;
  const settings: Settings = {
    electionTicks,
    heartbeatTicks: 1,
    leaseTicks: Math.floor(electionTicks * 0.75),
    entryBytes: 8 * MiB,
    messageBytes: MiB,
    messageEntries: 4096,
    inflightBytes: 16 * MiB,
    inflightEntries: 8192,
    uncommittedBytes: 64 * MiB,
    committedBytes: 8 * MiB,
    tailEntries: 5000,
    tailBytes: 64 * MiB,
    snapshotChunkBytes: 256 * 1024,
    snapshotChunksInflight: 4,
    snapshotStreams: 1,
    snapshotBytesPerTick: 8 * MiB,
    promoteLagEntries: 1000,
    pendingReads: 10_000,
    ...given,
  };
  invariant(settings.heartbeatTicks >= 1, 'a heartbeat takes a tick at least');
  invariant(settings.electionTicks > settings.heartbeatTicks, 'an election timeout is longer than a heartbeat');
  invariant(settings.leaseTicks < settings.electionTicks, "a leader's lease ends before an election timeout does");
  return settings;
}
