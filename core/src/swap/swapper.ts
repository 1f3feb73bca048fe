import { KernelError, errorMessage, type ProbationInfo, type SwapOptions, type SwapReport } from '@timonel/sdk';
import type { KernelTools } from '../kernel/parts.ts';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';
import { providerOf, refusal, standIn } from './candidates.ts';
import { beginProbation, type Probation } from './probation.ts';
import { replaceProvider, type Handover } from './replace.ts';

const code = 'ERR_SERVICE_SWAP';

/** One swap that may still be taken back. */
interface Swapped {
  readonly service: string;
  readonly old: PluginRecord;
  readonly candidate: PluginRecord;
  /** The state of the old provider; the way back uses it when the candidate cannot export its own. */
  readonly handover: Handover | undefined;
}

/**
 * Swaps providers. The old one is stopped and disposed right after the switch; to swap back in probation it is built
 * anew: a fresh instance is easier to trust than a half-stopped one.
 */
export class Swapper {
  private readonly tools: KernelTools;
  private readonly probations = new Map<string, Probation>();
  private closed = false;

  constructor(tools: KernelTools) {
    this.tools = tools;
  }

  /** Runs inside of an operation. */
  async swap(serviceId: string, candidateName: string, options: SwapOptions = {}): Promise<SwapReport> {
    const { probationMs = this.tools.parts.limits.probationMs } = options;
    const old = providerOf(this.tools.parts, serviceId);
    const candidate = await this.tools.set.find(candidateName);
    standIn(code, serviceId, old, candidate);
    for (const record of [old, candidate]) {
      const { name, swap } = record.entry.definition;
      if (swap === 'never') {
        throw refusal(code, record, `plugin '${name}' cannot be swapped while the process runs (swap: 'never')`);
      }
    }
    if (!(probationMs >= 0)) throw refusal(code, candidate, `the probation of ${probationMs} ms is no duration`);
    await this.tools.set.check(candidate, candidate.entry.config, old);
    this.endProbationOf(old.name);
    this.endProbationOf(candidate.name);
    this.tools.supervisor.forget(candidate);
    candidate.moveTo('checked');
    try {
      const { handover, ...report } = await replaceProvider(this.tools, { from: old, to: candidate });
      this.exchange(old, candidate);
      old.moveTo('disabled');
      this.watch({ service: serviceId, old, candidate, handover }, probationMs);
      this.tools.parts.figures.swaps.of(serviceId, 'done').add();
      this.tools.parts.figures.swapPause.of().observe(report.pauseMs / 1000);
      return { service: serviceId, ...report };
    } catch (error) {
      this.tools.parts.figures.swaps.of(serviceId, 'failed').add();
      const still = `service '${serviceId}' was not swapped, '${old.name}' serves it on`;
      const message = `${still}: ${errorMessage(error)}`;
      throw new KernelError(code, message, { plugin: candidate.name, cause: error });
    }
  }

  probation(serviceId: string): ProbationInfo | undefined {
    for (const [plugin, { service, old: previous, endsAt }] of this.probations) {
      if (service !== serviceId) continue;
      return { plugin, previous, endsInMs: Math.max(0, endsAt - this.tools.parts.env.clock.monotonic()) };
    }
    return undefined;
  }

  /** False: nobody is in probation. */
  unfit(serviceId: string, reason: string): boolean {
    const plugin = this.probation(serviceId)?.plugin ?? '';
    this.probations.get(plugin)?.broken(new Error(reason));
    return plugin !== '';
  }

  /** The plugin is about to change: nobody swaps it back any more. */
  endProbationOf(plugin: string): void {
    for (const [name, probation] of this.probations) {
      if (name !== plugin && probation.old !== plugin) continue;
      probation.end();
      this.probations.delete(name);
    }
  }

  close(): void {
    this.closed = true;
    for (const probation of this.probations.values()) probation.end();
    this.probations.clear();
  }

  private exchange(from: PluginRecord, to: PluginRecord): void {
    from.enabled = false;
    to.enabled = true;
    this.tools.supervisor.forget(from);
  }

  private watch(swapped: Swapped, ms: number): void {
    const { parts, supervisor, operations } = this.tools;
    const { service, candidate, old } = swapped;
    if (candidate.life === undefined || this.closed || ms === 0) return;
    const terms = { life: candidate.life, service, old: old.name, ms };
    const probation = beginProbation(parts, supervisor, terms, {
      onBroken: (error) => operations.background(() => this.swapBack(swapped, probation, error)),
      onPassed: () => this.probations.delete(candidate.name),
    });
    this.probations.set(candidate.name, probation);
  }

  private async swapBack(swapped: Swapped, probation: Probation, error: unknown): Promise<void> {
    const { parts, set, remember } = this.tools;
    const { service, old, candidate, handover } = swapped;
    // Anything that happened to either since ended the probation.
    if (this.closed || this.probations.get(candidate.name) !== probation) return;
    this.endProbationOf(candidate.name);
    const reason = `swapped back to '${old.name}' in probation: ${describeError(error)}`;
    parts.log.warn({ plugin: candidate.name, service }, reason);
    try {
      await set.check(old, old.entry.config, candidate);
      await replaceProvider(this.tools, { from: candidate, to: old, fallback: handover });
    } catch (problem) {
      parts.log.error({ plugin: candidate.name, service }, `could not be swapped back: ${describeError(problem)}`);
      return;
    }
    parts.figures.swaps.of(service, 'swapped-back').add();
    this.exchange(candidate, old);
    candidate.moveTo('failed', reason);
    await remember({ kind: 'swap', service, from: candidate.name, to: old.name });
  }
}
