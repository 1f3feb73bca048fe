/** What the pods of this node were granted together. */
import type { Pod } from '@timonel/sdk/kube';
import { podRequest } from '@timonel/sdk/scheduling';
import type { Room } from '../plan/resize.ts';

interface Tenant {
  readonly gone: boolean;
  /** As it was granted. */
  pod(): Pod;
  readonly memory: { readonly resize: { pending: { readonly retryAt: number } | undefined } };
  retryResize(): void;
}

export class NodeRoom {
  #tenants: () => readonly Tenant[] = () => [];

  /** Called once, when there are tenants. */
  follow(tenants: () => readonly Tenant[]): void {
    this.#tenants = tenants;
  }

  takenByOthers(pod: Pod): Room {
    const others = this.#tenants().filter((tenant) => !tenant.gone && tenant.pod().metadata.uid !== pod.metadata.uid);
    const sum = { milliCpu: 0, memoryBytes: 0 };
    for (const other of others.map((tenant) => tenant.pod())) {
      const { phase } = other.status ?? {};
      if (phase === 'Succeeded' || phase === 'Failed') continue;
      const request = podRequest(other);
      sum.milliCpu += request.milliCpu;
      sum.memoryBytes += request.memoryBytes;
    }
    return sum;
  }

  /** A pod went or takes less: who waits for room may have it. */
  changed(): void {
    for (const tenant of this.#tenants()) if (tenant.memory.resize.pending !== undefined) tenant.retryResize();
  }
}
