/** What a workload runs against: a scheduler alone, or a whole server. */
import type { KubeObject, Pod } from '@timonel/sdk/kube';

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** What was measured between the begin and the end of a collection. */
export interface Measured {
  /** Pods that were created for it. */
  readonly pods: number;
  readonly bound: number;
  /** Bound pods per second. */
  readonly perSecond: number;
  readonly createToBoundMs: { readonly p50: number; readonly p99: number };
  /** Processor time of the server for each bound pod; NaN where there is none. */
  readonly cpuMicrosPerPod: number;
  /** Of one decision alone; NaN where it is not seen. */
  readonly decisionMs: { readonly p50: number; readonly p99: number };
}

export interface Cluster {
  /** Pods among them wait for the scheduler from now on. */
  create(objects: readonly KubeObject[]): Promise<void>;
  remove(object: ObjectRef): Promise<void>;
  /** Resolves when each of the pods has been bound. @throws Error when it takes too long */
  bound(pods: readonly string[]): Promise<void>;
  /** Resolves when the scheduler has looked at each of the pods, or knows that it must not. */
  attempted(pods: readonly string[]): Promise<void>;
  /** @throws Error when a pod lies where it must not */
  check(): void;
  beginMeasuring(isMeasured: (pod: Pod) => boolean): void;
  endMeasuring(): Measured;
}

export const podKey = (pod: KubeObject): string => `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name ?? ''}`;

export const isPod = (object: KubeObject): object is Pod => object.kind === 'Pod';

export const refOf = (object: KubeObject): ObjectRef => ({
  apiVersion: object.apiVersion ?? 'v1',
  kind: object.kind ?? '',
  namespace: object.metadata.namespace,
  name: object.metadata.name ?? '',
});

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function p50p99(samples: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = samples.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}
