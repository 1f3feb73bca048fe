/** The status of a node that nobody hears. */
import { findCondition } from '@timonel/sdk/controller';
import type { Condition, Node } from '@timonel/sdk/kube';

const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

function unknown(node: Node, type: string, timestamp: string): Condition {
  const before = findCondition(node.status?.conditions, type);
  const never = before === undefined;
  const heartbeat = before?.lastHeartbeatTime ?? node.metadata.creationTimestamp;
  return {
    type,
    status: 'Unknown',
    reason: never ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
    message: never ? 'the node has never reported its status' : 'the node has stopped reporting its status',
    ...(heartbeat === undefined ? {} : { lastHeartbeatTime: heartbeat }),
    lastTransitionTime: timestamp,
  };
}

/** Everything that the node should report is Unknown; what is Unknown already stays as it is. */
export function statusOfSilent(node: Node, timestamp: string): NonNullable<Node['status']> {
  const before = node.status?.conditions ?? [];
  const lost = reported.filter((type) => findCondition(before, type)?.status !== 'Unknown');
  const changed = before.map((condition) =>
    lost.includes(condition.type) ? unknown(node, condition.type, timestamp) : condition,
  );
  const missing = lost.filter((type) => findCondition(before, type) === undefined);
  return { ...node.status, conditions: [...changed, ...missing.map((type) => unknown(node, type, timestamp))] };
}
