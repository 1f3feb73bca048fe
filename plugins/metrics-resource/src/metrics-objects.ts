/** NodeMetrics and PodMetrics of metrics.k8s.io/v1beta1. Source: k8s.io/metrics, pkg/apis/metrics/v1beta1/types.go. */
import type { ResourceUse, UseWindow } from '@timonel/sdk/contracts/metrics';
import { timestampOf, type KubeObject, type ObjectMeta } from '@timonel/sdk/kube';

export interface Usage {
  readonly cpu: string;
  readonly memory: string;
}

interface Measured extends KubeObject {
  /** The end of the window. */
  readonly timestamp: string;
  /** A duration as Go writes it. */
  readonly window: string;
}

export interface NodeMetrics extends Measured {
  readonly usage: Usage;
}

export interface PodMetrics extends Measured {
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[];
}

/** As metrics-server writes them: nanocores, and memory in whole KiB. */
export function usageOf({ cpu, memoryBytes }: ResourceUse): Usage {
  const nanos = Math.round(cpu * 1e9);
  return { cpu: nanos === 0 ? '0' : `${nanos}n`, memory: `${Math.floor(memoryBytes / 1024)}Ki` };
}

/** `14.98s`, `1m5s`: as time.Duration of Go prints it. */
export function goDuration(ms: number): string {
  const whole = Math.round(ms);
  const seconds = (whole % 60_000) / 1000;
  const minutes = Math.floor(whole / 60_000) % 60;
  const hours = Math.floor(whole / 3_600_000);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

function measured({ time, windowMs }: UseWindow): { readonly timestamp: string; readonly window: string } {
  return { timestamp: timestampOf(time), window: goDuration(windowMs) };
}

/** Metadata of a thing that is made at each read: the labels are those of the object it is about. */
function metadataOf({ name, namespace, labels }: ObjectMeta, { time }: UseWindow): ObjectMeta {
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: timestampOf(time),
    ...(labels === undefined ? {} : { labels }),
  };
}

export function nodeMetrics(node: KubeObject, use: UseWindow & { readonly use: ResourceUse }): NodeMetrics {
  return { metadata: metadataOf(node.metadata, use), ...measured(use), usage: usageOf(use.use) };
}

export function podMetrics(
  pod: KubeObject,
  use: UseWindow & { readonly containers: readonly { readonly name: string; readonly use: ResourceUse }[] },
): PodMetrics {
  const containers = use.containers.map((container) => ({ name: container.name, usage: usageOf(container.use) }));
  return { metadata: metadataOf(pod.metadata, use), ...measured(use), containers };
}
