/**
 * The order of the queue of pods: priority first; within one priority by start-time fair queueing, so that each queue with pods that wait
 * has its part in every batch, by weight, however many pods another queue has put there before.
 *
 * A pod gets a virtual time when it is compared for the first time: that of the last pod bound, or where the pods of its queue before it
 * end, whichever is later. It ends after its own cost by the weight of its queue. A queue that was idle thus begins with the others and
 * saves nothing up. Pods that waited before the scheduler came are seen in about their order.
 * Source: Goyal et al., "Start-time Fair Queuing", SIGCOMM 1996.
 */
import type {
  ClusterView,
  PodClass,
  PodInfo,
  PodUsage,
  QueuedPod,
  SchedulingPlugin,
} from '@timonel/sdk/contracts/scheduler';
import { dominantShare, type Capacity } from './capacity.ts';
import { queueNameOf, type Queues } from './queues.ts';

/** Until nodes are known. Only the relation of resources to each other matters. */
const someNode: PodUsage = { milliCpu: 4000, memoryBytes: 16 * 2 ** 30, pods: 110 };

export class FairShare {
  readonly #queues: Queues;
  readonly #capacity: Capacity;
  readonly #starts = new WeakMap<QueuedPod, number>();
  /** The same by the pod as it was compared: what is known of it when it is bound. */
  readonly #startsOfPods = new WeakMap<PodInfo, number>();
  /** Where the pods of a queue end that were seen so far. */
  readonly #ends = new Map<string, number>();
  #nodes = someNode;
  #now = 0;

  constructor(queues: Queues, capacity: Capacity) {
    this.#queues = queues;
    this.#capacity = capacity;
  }

  get plugin(): SchedulingPlugin {
    return {
      name: 'FairShare',
      requeueHints: [],
      queueSort: (a, b) => this.#compare(a, b),
      postBind: (pod) => this.#bound(pod),
    };
  }

  /** What memory and pods cost in relation to cpu is learned from the nodes. */
  look(view: ClusterView): void {
    const capacity = this.#capacity.of(view);
    if (capacity.milliCpu > 0) this.#nodes = capacity;
  }

  #compare(a: QueuedPod, b: QueuedPod): number {
    // Who came first gets its time first.
    const [first, second] = a.sequence < b.sequence ? [a, b] : [b, a];
    this.#startOf(first);
    this.#startOf(second);
    return (
      b.pod.class.priority - a.pod.class.priority || this.#startOf(a) - this.#startOf(b) || a.sequence - b.sequence
    );
  }

  #startOf(queued: QueuedPod): number {
    const { pod } = queued;
    const start = this.#starts.get(queued) ?? this.#begin(pod.class);
    this.#starts.set(queued, start);
    this.#startsOfPods.set(pod, start);
    return start;
  }

  #begin(pod: PodClass): number {
    const queue = this.#queues.get(queueNameOf(pod));
    const name = queue?.name ?? '';
    const start = Math.max(this.#now, this.#ends.get(name) ?? 0);
    const { milliCpu, memoryBytes } = pod.request;
    // In mCPU of what it needs most: stays the same when nodes come and go.
    const cost = this.#nodes.milliCpu * dominantShare({ milliCpu, memoryBytes, pods: 1 }, this.#nodes);
    this.#ends.set(name, start + cost / (queue?.weight ?? 1));
    return start;
  }

  #bound(pod: PodInfo): void {
    this.#now = Math.max(this.#now, this.#startsOfPods.get(pod) ?? 0);
  }
}
