/** What the pods of this node were granted together. */
import type { Pod } from '@timonel/sdk/kube';
import { podRequest } from '@timonel/sdk/scheduling';
import type { Ending } from '../plan/ending.ts';
import type { Room } from '../plan/resize.ts';

interface Tenant {
  readonly gone: boolean;
  /** As it was granted. */
  pod(): Pod;
  readonly memory: {
    readonly isAdmitted: boolean;
    readonly rejection: object | undefined;
    readonly resize: { pending: { readonly retryAt: number } | undefined };
  };
  retryResize(): void;
  end(ending: Ending): boolean;
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

  /** Pods that take their part of the node, beside this one: those that were admitted, and those that an agent before this one admitted. */
  admittedBeside(pod: Pod): Pod[] {
    return this.#tenants().flatMap((tenant) => {
      const other = tenant.pod();
      if (tenant.gone || other.metadata.uid === pod.metadata.uid || tenant.memory.rejection !== undefined) return [];
      const { phase, startTime } = other.status ?? {};
      const isOver = phase === 'Succeeded' || phase === 'Failed';
      return !isOver && (tenant.memory.isAdmitted || startTime !== undefined) ? [other] : [];
    });
  }

  /** Those of these pods that would run on. */
  end(pods: readonly Pod[], how: (pod: Pod) => Ending): void {
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const tenant of this.#tenants()) {
      const pod = tenant.pod();
      if (uids.has(pod.metadata.uid)) tenant.end(how(pod));
    }
  }

  /** A pod went or takes less: who waits for room may have it. */
  changed(): void {
    for (const tenant of this.#tenants()) if (tenant.memory.resize.pending !== undefined) tenant.retryResize();
  }
}
