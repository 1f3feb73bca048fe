/** The probes of one running container: when each runs, and what they say together. */
import type { TimerHandle } from '@timonel/sdk';
import type { Container, Probe } from '@timonel/sdk/kube';
import type { ProbeVerdict } from '../plan/view.ts';
import { afterResult, initialDelayMs, noResults, periodMs, type ProbeCount, type ProbeKind } from './probe-state.ts';
import type { ProbeResult } from './probe-target.ts';

export interface ContainerProbesHost {
  after(delayMs: number, fn: () => void): TimerHandle;
  run(probe: Probe): Promise<ProbeResult>;
  /** The verdict changed. */
  verdict(verdict: ProbeVerdict): void;
  /** A try came to anything but plain success. */
  told(kind: ProbeKind, result: ProbeResult): void;
}

/** How often a probe came to which result. */
export interface Tally {
  readonly kind: ProbeKind;
  successful: number;
  failed: number;
  unknown: number;
}

const resultNames = { success: 'successful', warning: 'successful', failure: 'failed', error: 'unknown' } as const;

interface Running {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly tally: Tally;
  count: ProbeCount;
  timer: TimerHandle | undefined;
  ended: boolean;
}

export class ContainerProbes {
  readonly #host: ContainerProbesHost;
  readonly #name: string;
  readonly #probes: Running[] = [];
  #verdict: ProbeVerdict;

  /** `runsSinceMs`: how long the container has been running. `initial`: what holds until the first results. */
  constructor(host: ContainerProbesHost, container: Container, runsSinceMs: number, initial: ProbeVerdict) {
    this.#host = host;
    this.#name = container.name;
    const { startupProbe, livenessProbe, readinessProbe } = container;
    this.#verdict = initial;
    const kinds: [ProbeKind, Probe | undefined][] = [
      ['startup', startupProbe],
      ['liveness', livenessProbe],
      ['readiness', readinessProbe],
    ];
    for (const [kind, probe] of kinds) {
      if (probe === undefined) continue;
      const tally = { kind, successful: 0, failed: 0, unknown: 0 };
      const running: Running = { kind, probe, tally, count: noResults, timer: undefined, ended: false };
      this.#probes.push(running);
      this.#schedule(running, Math.max(0, initialDelayMs(probe) - runsSinceMs));
    }
  }

  get verdict(): ProbeVerdict {
    return this.#verdict;
  }

  /** The container is to end: whether it is ready still counts, and nothing else does. */
  onlyReadiness(): void {
    for (const running of this.#probes) if (running.kind !== 'readiness') this.#end(running);
  }

  tallies(): readonly Tally[] {
    return this.#probes.map(({ tally }) => tally);
  }

  close(): void {
    for (const running of this.#probes) this.#end(running);
  }

  #end(running: Running): void {
    running.ended = true;
    running.timer?.cancel();
  }

  #schedule(running: Running, delayMs: number): void {
    running.timer = this.#host.after(delayMs, () => void this.#tick(running));
  }

  async #tick(running: Running): Promise<void> {
    const { kind, probe } = running;
    // The others wait for the startup probe; once it passed it is not run again.
    const holds = kind === 'startup' ? !this.#verdict.started : this.#verdict.started;
    if (holds) this.#note(running, await this.#host.run(probe));
    if (running.ended || (kind === 'startup' && this.#verdict.started)) return;
    this.#schedule(running, periodMs(probe));
  }

  #note(running: Running, result: ProbeResult): void {
    if (running.ended || this.#verdict.unhealthy !== undefined) return;
    const { kind, probe, tally } = running;
    tally[resultNames[result.outcome]] += 1;
    if (result.outcome !== 'success') this.#host.told(kind, result);
    // It says nothing of the container.
    if (result.outcome === 'error') return;
    const { count, outcome } = afterResult(probe, kind, running.count, result.outcome !== 'failure');
    running.count = count;
    if (outcome === undefined) return;
    this.#apply(running, outcome);
  }

  #apply({ kind, probe }: Running, outcome: 'passed' | 'failed'): void {
    const before = this.#verdict;
    let next = before;
    if (kind === 'readiness') next = { ...before, ready: outcome === 'passed' };
    else if (outcome === 'failed') {
      const unhealthy = `Container ${this.#name} failed ${kind} probe, will be restarted`;
      next = { ...before, ready: false, unhealthy, ...graceOf(probe) };
    } else if (kind === 'startup') next = { ...before, started: true, ready: !this.#has('readiness') };
    if (next.ready === before.ready && next.started === before.started && next.unhealthy === before.unhealthy) return;
    this.#verdict = next;
    this.#host.verdict(next);
    // What waited for the startup probe need not wait for its period as well.
    if (next.started && !before.started) this.#hurry();
  }

  #has(kind: ProbeKind): boolean {
    return this.#probes.some((running) => running.kind === kind);
  }

  #hurry(): void {
    for (const running of this.#probes) {
      if (running.kind === 'startup' || running.ended) continue;
      running.timer?.cancel();
      this.#schedule(running, 0);
    }
  }
}

function graceOf({ terminationGracePeriodSeconds: seconds }: Probe): Pick<ProbeVerdict, 'gracePeriodSeconds'> {
  return seconds === undefined ? {} : { gracePeriodSeconds: seconds };
}
