/** Follows the containers of each pod: those that run have their probes run. */
import type { PodReference, ProbeCount } from '@timonel/sdk/contracts/node';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Container } from '@timonel/sdk/kube';
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';
import { isSidecar, verdictOf } from '../plan/containers.ts';
import { ContainerProbes } from './container-probes.ts';
import { probeEvent, probeName } from './probe-event.ts';
import type { ProbeTarget } from './probe-target.ts';
import { runProbe } from './run-probe.ts';

export class Probes {
  readonly #services: AgentServices;
  /** By pod uid, then container id. */
  readonly #pods = new Map<string, Map<string, Followed>>();

  constructor(services: AgentServices) {
    this.#services = services;
  }

  /** Begins the probes of containers that started, ends those of containers that ended or are being stopped. */
  follow(worker: PodWorker): void {
    const pod = worker.pod();
    const uid = pod.metadata.uid ?? '';
    const known = this.#pods.get(uid) ?? new Map<string, Followed>();
    const ends = pod.metadata.deletionTimestamp !== undefined;
    const wanted = new Map<string, [Container, ContainerStatus]>();
    const probed = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)];
    for (const status of worker.containers.values()) {
      const container = probed.find((entry) => entry.name === status.name);
      if (container !== undefined && isProbed(worker, container, status, ends))
        wanted.set(status.id, [container, status]);
    }
    for (const [id, { probes }] of known) {
      if (wanted.has(id)) continue;
      probes.close();
      known.delete(id);
    }
    for (const [id, [container, status]] of wanted) {
      const { namespace = '', name = '' } = pod.metadata;
      const followed = known.get(id) ?? {
        pod: { namespace, name, uid },
        container: container.name,
        probes: this.#begin(worker, container, status),
      };
      if (ends) followed.probes.onlyReadiness();
      known.set(id, followed);
    }
    if (known.size > 0) this.#pods.set(uid, known);
    else this.#pods.delete(uid);
  }

  forget(worker: PodWorker): void {
    const uid = worker.pod().metadata.uid ?? '';
    for (const { probes } of this.#pods.get(uid)?.values() ?? []) probes.close();
    this.#pods.delete(uid);
  }

  /** Of the containers that are there. */
  counts(): ProbeCount[] {
    return [...this.#pods.values()].flatMap((known) => [...known.values()].flatMap(countsOf));
  }

  close(): void {
    for (const known of this.#pods.values()) for (const { probes } of known.values()) probes.close();
    this.#pods.clear();
  }

  #begin(worker: PodWorker, container: Container, status: ContainerStatus): ContainerProbes {
    const { env } = this.#services;
    const target = (): ProbeTarget => ({
      container,
      containerId: status.id,
      address:
        worker.pod().spec.hostNetwork === true
          ? this.#services.nodeAddress()
          : (worker.memory.attachment?.addresses[0] ?? ''),
      runtime: worker.runtime(),
    });
    const runsSinceMs = Math.max(0, env.clock.now() - status.startedAt);
    return new ContainerProbes(
      {
        after: (delayMs, fn) => env.timers.after(delayMs, fn),
        run: (probe) => runProbe(probe, target, env),
        verdict: (verdict) => worker.setVerdict(status.id, verdict),
        told: (kind, result) => {
          const { reason, message } = probeEvent(kind, result);
          this.#services.event(worker.pod(), 'Warning', reason, message);
        },
      },
      container,
      runsSinceMs,
      verdictOf(worker.view(), container, status.id),
    );
  }
}

interface Followed {
  readonly pod: PodReference;
  readonly container: string;
  readonly probes: ContainerProbes;
}

function countsOf({ pod, container, probes }: Followed): ProbeCount[] {
  return probes.tallies().flatMap(({ kind, ...results }) => {
    const probe = probeName(kind);
    const each = Object.entries(results) as [keyof typeof results, number][];
    return each.map(([result, count]) => ({ ...pod, container, probe, result, count }));
  });
}

/** `ends`: the pod is being deleted, which asks its containers to end; those that serve to the last are asked whether they are ready. */
function isProbed(worker: PodWorker, container: Container, { id, state }: ContainerStatus, ends: boolean): boolean {
  const { hooks, stopping } = worker.memory;
  if (worker.gone || state !== 'running' || hooks.has(id)) return false;
  return ends ? container.readinessProbe !== undefined : !stopping.has(id) && hasProbe(container);
}

function hasProbe({ startupProbe, livenessProbe, readinessProbe }: Container): boolean {
  return startupProbe !== undefined || livenessProbe !== undefined || readinessProbe !== undefined;
}
