import type { Cause } from '@timonel/sdk/contracts/why';
import { findCondition } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';
import { isSilent, isUnknown, type Observed } from './reconcile.ts';
import { evictingTaint, taintsOf } from './taints.ts';

const component = 'controller-nodelifecycle';

function readiness(observed: Observed, node: Node): Cause[] {
  const ready = findCondition(node.status?.conditions, 'Ready');
  if (ready?.status === 'True') return [];
  const { name } = node.metadata;
  if (isSilent(observed) || isUnknown(node)) {
    const never = ready?.reason === 'NodeStatusNeverUpdated';
    const since = never ? 'never' : `not since ${ready?.lastHeartbeatTime ?? 'it was last seen'}`;
    const unblock =
      'check that the machine is up, that its agent runs, and that it reaches the API servers; if it is gone for good, delete the node';
    return [{ component, code: 'node-unreachable', text: `node ${name} has reported ${since}`, unblock }];
  }
  if (ready === undefined) return [{ component, code: 'node-new', text: `node ${name} has not reported as yet` }];
  return [
    { component, code: 'node-not-ready', text: `node ${name} says: ${ready.message ?? ready.reason ?? 'not ready'}` },
  ];
}

function pressure(node: Node): Cause[] {
  const types = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'];
  return (node.status?.conditions ?? [])
    .filter(({ type, status }) => types.includes(type) && status === 'True')
    .map(({ type, message, reason }) => ({
      component,
      code: 'node-condition',
      text: `${type}: ${message ?? reason ?? 'no reason given'}: no pods are placed here meanwhile`,
    }));
}

function zone({ turn }: Observed, node: Node): Cause[] {
  if (
    turn === undefined ||
    turn.state === 'Normal' ||
    findCondition(node.status?.conditions, 'Ready')?.status === 'True'
  )
    return [];
  const where = turn.zone === '' ? 'the cluster' : `zone ${turn.zone}`;
  const figures = `${turn.ready} of ${turn.nodes} nodes of ${where} are ready`;
  if (turn.everywhere) {
    return [{ component, code: 'all-nodes-lost', text: `no node of the cluster is ready: no pods are evicted` }];
  }
  const held = turn.waitMs === undefined && evictingTaint(node) === undefined;
  const text = held ? `${figures}: pods are not evicted` : `${figures}: pods are evicted slowly`;
  return [{ component, code: 'zone-disrupted', text }];
}

function evictions({ turn }: Observed, node: Node): Cause[] {
  const evicting = evictingTaint(node);
  if (evicting !== undefined) {
    const text = `pods are evicted when their toleration of ${evicting.key} is over (300 s if they name none), counted from ${evicting.timeAdded ?? 'now'}`;
    return [{ component, code: 'evicts-pods', text }];
  }
  if (
    turn === undefined ||
    turn.waitMs === undefined ||
    findCondition(node.status?.conditions, 'Ready')?.status === 'True'
  )
    return [];
  const text = `its pods will be evicted: its turn is in ${Math.ceil(Math.max(0, turn.waitMs) / 1000)} s`;
  return [{ component, code: 'waits-for-eviction', text }];
}

function cordon(node: Node): Cause[] {
  if ((node.spec as Node['spec'] | undefined)?.unschedulable !== true) return [];
  const unblock = `kubectl uncordon ${node.metadata.name}`;
  return [{ component, code: 'cordoned', text: 'it is cordoned: no pods are placed here', unblock }];
}

function outOfService(node: Node): Cause[] {
  if (!taintsOf(node).some(({ key }) => key === 'node.kubernetes.io/out-of-service')) return [];
  return [{ component, code: 'out-of-service', text: 'it is marked as out of service: its pods are removed at once' }];
}

/** Why a node is not ready, and what becomes of its pods. */
export function explain(observed: Observed): readonly Cause[] {
  const { subject: node } = observed;
  if (node === undefined) return [];
  return [
    ...readiness(observed, node),
    ...pressure(node),
    ...zone(observed, node),
    ...evictions(observed, node),
    ...cordon(node),
    ...outOfService(node),
  ];
}
