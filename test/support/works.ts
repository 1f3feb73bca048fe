/** Whether an object of the API does what it is there for, by its status. Pure. */

interface Condition {
  readonly type: string;
  readonly status: string;
}

export interface ObjectView {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  // oxlint-disable-next-line no-explicit-any
  readonly spec?: any;
  // oxlint-disable-next-line no-explicit-any
  readonly status?: any;
}

const has = ({ status }: ObjectView, type: string): boolean =>
  (status?.conditions as readonly Condition[] | undefined)?.some(
    (condition) => condition.type === type && condition.status === 'True',
  ) ?? false;

const isObserved = ({ metadata, status }: ObjectView): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

function allReady(object: ObjectView): boolean {
  const { spec, status } = object;
  return isObserved(object) && status?.readyReplicas === (spec.replicas ?? 1);
}

/** Kinds that are not among these work as soon as they are there. */
const checks: Readonly<Record<string, (object: ObjectView) => boolean>> = {
  Pod: (object) => has(object, 'Ready') || object.status?.phase === 'Succeeded',
  Deployment: (object) => allReady(object) && object.status.availableReplicas === (object.spec.replicas ?? 1),
  ReplicaSet: allReady,
  ReplicationController: allReady,
  StatefulSet: (object) => allReady(object) && object.status.currentRevision === object.status.updateRevision,
  DaemonSet: (object) =>
    isObserved(object) &&
    object.status.desiredNumberScheduled > 0 &&
    object.status.numberAvailable === object.status.desiredNumberScheduled,
  Job: (object) => has(object, 'Complete'),
  CronJob: ({ status }) => status?.lastSuccessfulTime !== undefined,
  HorizontalPodAutoscaler: (object) => has(object, 'ScalingActive'),
  PodDisruptionBudget: (object) => isObserved(object) && has(object, 'DisruptionAllowed'),
  PersistentVolumeClaim: ({ status }) => status?.phase === 'Bound',
  PersistentVolume: ({ status }) => status?.phase === 'Bound' || status?.phase === 'Available',
  Service: ({ spec, status }) => spec?.type !== 'LoadBalancer' || (status?.loadBalancer?.ingress ?? []).length > 0,
};

export const works = (object: ObjectView): boolean => checks[object.kind]?.(object) ?? true;
