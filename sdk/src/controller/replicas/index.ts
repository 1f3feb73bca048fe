/** ReplicaSet and ReplicationController: the same but for their kinds. */
export { deletionOrder } from './deletion-order.ts';
export { explainReplicas } from './explain.ts';
export * from './observe.ts';
export { reconcileReplicas } from './reconcile.ts';
export { replicasStatus, type ReplicasStatusPlan } from './status.ts';
