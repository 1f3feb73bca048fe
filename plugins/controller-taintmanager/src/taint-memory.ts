/**
 * Since when this process has seen each taint that makes pods leave. What was written into the taint does not count: while no
 * controller ran, nobody could have taken the taint away, and clocks may differ.
 */
import type { Clock } from '@timonel/sdk';
import type { Node, Pod, Taint } from '@timonel/sdk/kube';
import type { PodOnNode, SeenTaint } from './tolerance.ts';

const lost: ReadonlySet<string> = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']);

/** A node that is first not ready and then not heard of, or the other way round, is lost since the first. */
function identityOf({ key, value = '' }: Taint): string {
  return lost.has(key) ? 'lost' : `${key}=${value}`;
}

export function evicting(node: Node): readonly Taint[] {
  const taints = (node.spec as Node['spec'] | undefined)?.taints ?? [];
  return taints.filter(({ effect }) => effect === 'NoExecute');
}

export class TaintMemory {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #since = new Map<string, { uid: string | undefined; taints: ReadonlyMap<string, number> }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  seen(node: Node): void {
    const { name = '', uid } = node.metadata;
    const taints = evicting(node);
    const before = this.#since.get(name);
    if (taints.length === 0) {
      this.#since.delete(name);
      return;
    }
    const known = before?.uid === uid ? before?.taints : undefined;
    const nowMs = this.#clock.monotonic();
    const entries = taints.map((taint): [string, number] => {
      const identity = identityOf(taint);
      return [identity, known?.get(identity) ?? nowMs];
    });
    this.#since.set(name, { uid, taints: new Map(entries) });
  }

  gone(name: string): void {
    this.#since.delete(name);
  }

  isTainted(name: string): boolean {
    return this.#since.has(name);
  }

  /** `contactMs`: nothing before counts. */
  of(node: Node, contactMs: number): readonly SeenTaint[] {
    const known = this.#since.get(node.metadata.name ?? '')?.taints;
    const nowMs = this.#clock.monotonic();
    return evicting(node).map((taint) => ({
      taint,
      ageMs: nowMs - Math.max(contactMs, known?.get(identityOf(taint)) ?? nowMs),
    }));
  }
}

/** Since when this process has seen each pod on its node. */
export class Arrivals {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #since = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  seen({ metadata: { uid = '' }, spec }: Pod): void {
    if (spec.nodeName && !this.#since.has(uid)) this.#since.set(uid, this.#clock.monotonic());
  }

  gone({ metadata: { uid = '' } }: Pod): void {
    this.#since.delete(uid);
  }

  agesOf(pods: readonly Pod[]): readonly PodOnNode[] {
    const nowMs = this.#clock.monotonic();
    return pods.map((pod) => ({ pod, ageMs: nowMs - (this.#since.get(pod.metadata.uid ?? '') ?? nowMs) }));
  }
}
