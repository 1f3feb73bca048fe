/** Pods beyond the quota of their queue wait until pods of the queue are gone. */
import { didYouMean } from '@timonel/sdk';
import {
  success,
  type ClusterEvent,
  type ClusterView,
  type PodInfo,
  type PodUsage,
  type SchedulingPlugin,
  type Status,
} from '@timonel/sdk/contracts/scheduler';
import { queueLabel, queueNameOf, type Queue, type Queues, type QuotaResource } from './queues.ts';

const units: Readonly<Record<QuotaResource, string>> = { cpu: 'm', memory: ' bytes', pods: '' };

function amountOf({ milliCpu, memoryBytes, pods }: PodUsage, resource: QuotaResource): number {
  if (resource === 'cpu') return milliCpu;
  return resource === 'memory' ? memoryBytes : pods;
}

function unknownQueue(name: string, queues: Queues): Status {
  return {
    code: 'unresolvable',
    reasonCode: 'queue-unknown',
    reason: `queue "${name}" does not exist${didYouMean(name, queues.names)}`,
    detail: { queue: name, queues: [...queues.names].slice(0, 20) },
    unblock: `name a queue that exists in the label ${queueLabel}, or configure this one`,
  };
}

interface Shortage {
  readonly resource: QuotaResource;
  readonly limit: number;
  readonly used: number;
  readonly asked: number;
}

function tooLittle({ name }: Queue, { resource, limit, used, asked }: Shortage): Status {
  const short = used + asked - limit;
  const detail = { queue: name, resource, limit, used, asked, short };
  if (asked > limit) {
    return {
      code: 'unresolvable',
      reasonCode: 'queue-quota-too-small',
      reason: `the pod asks for more ${resource} than the whole quota of queue "${name}"`,
      detail,
      unblock: `raise the quota of queue "${name}" by ${asked - limit}${units[resource]} ${resource}, or ask for less`,
    };
  }
  return {
    code: 'unschedulable',
    reasonCode: 'queue-quota',
    reason: `queue "${name}" has too little ${resource} left of its quota`,
    detail,
    unblock: `free ${short}${units[resource]} ${resource} in queue "${name}", or raise its quota`,
  };
}

function check({ class: pod }: PodInfo, view: ClusterView, queues: Queues): Status {
  const name = queueNameOf(pod);
  const queue = queues.get(name);
  if (queue === undefined) return unknownQueue(name, queues);
  if (queue.limits.size === 0) return success;
  const usage = queues.usage(name, view);
  const { milliCpu, memoryBytes } = pod.request;
  const request: PodUsage = { milliCpu, memoryBytes, pods: 1 };
  for (const [resource, limit] of queue.limits) {
    const used = amountOf(usage, resource);
    const asked = amountOf(request, resource);
    // Who asks for nothing of it does not make it worse.
    if (asked > 0 && used + asked > limit) return tooLittle(queue, { resource, limit, used, asked });
  }
  return success;
}

function isOfQueue(pod: PodInfo, event: ClusterEvent): boolean {
  const name = queueNameOf(pod.class);
  if (event.kind === 'pod-removed') return queueNameOf(event.pod.class) === name;
  return event.kind === 'pod-updated' && queueNameOf(event.old.class) === name;
}

export function queueQuota(queues: Queues): SchedulingPlugin {
  return {
    name: 'QueueQuota',
    requeueHints: [
      { event: 'pod-removed', helps: isOfQueue },
      { event: 'pod-updated', helps: isOfQueue },
    ],
    // Usage changes with every pod, on whichever node.
    filterScope: 'cluster',
    preFilter: (pod, view) => ({ status: check(pod, view, queues) }),
  };
}
