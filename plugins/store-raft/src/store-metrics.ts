import { gaugeMetric, type Instruments, type MetricDefinition } from '@timonel/sdk';
import type { StoreStatus } from '@timonel/sdk/contracts/store';

type Gauge = MetricDefinition<'gauge', readonly []>;

/** What a member of the store shows of itself. */
export const storeMetrics: {
  readonly revision: Gauge;
  readonly compacted: Gauge;
  readonly size: Gauge;
  readonly term: Gauge;
  readonly applied: Gauge;
  readonly isLeader: Gauge;
  readonly hasLeader: Gauge;
  readonly members: Gauge;
} = Object.freeze({
  revision: gaugeMetric('store_revision', { help: 'The last revision of the state that is applied here.' }),
  compacted: gaugeMetric('store_compacted_revision', { help: 'The oldest revision that can still be read.' }),
  size: gaugeMetric('store_db_size_bytes', { help: 'Bytes of the store on disk.' }),
  term: gaugeMetric('store_raft_term', { help: 'The Raft term this member knows.' }),
  applied: gaugeMetric('store_raft_applied_index', { help: 'The last entry of the Raft log that is applied here.' }),
  isLeader: gaugeMetric('store_server_is_leader', { help: '1 while this member leads the group.' }),
  hasLeader: gaugeMetric('store_server_has_leader', { help: '1 while this member knows a leader.' }),
  members: gaugeMetric('store_members', { help: 'Members of the group, learners included.' }),
});

export function writeStoreMetrics(metrics: Instruments<typeof storeMetrics>, status: StoreStatus): void {
  metrics.revision.of().set(status.revision);
  metrics.compacted.of().set(status.compactedRevision);
  metrics.size.of().set(status.sizeBytes);
  metrics.term.of().set(status.term);
  metrics.applied.of().set(status.appliedIndex);
  metrics.isLeader.of().set(status.leaderId === status.memberId ? 1 : 0);
  metrics.hasLeader.of().set(status.leaderId === undefined ? 0 : 1);
  metrics.members.of().set(status.members.length);
}
