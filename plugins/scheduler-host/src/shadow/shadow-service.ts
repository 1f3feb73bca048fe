/** Puts schedulers into shadow, into charge, and back. */
import { errorMessage, type AsideProvider, type KernelControl, type Logger, type SwapReport } from '@timonel/sdk';
import type { Scheduler } from '@timonel/sdk/contracts/scheduler';
import type {
  FallBack,
  SchedulingProblem,
  SchedulingStatus,
  ShadowReport,
} from '@timonel/sdk/contracts/scheduler-shadow';
import { ApiError, type StatusReason } from '@timonel/sdk/kube';
import type { Within } from './candidate.ts';
import { schedulerService } from './probation-watch.ts';
import { ShadowRun, type ShadowConfig, type ShadowParts } from './shadow-run.ts';

export interface ShadowServiceParts {
  readonly env: ShadowParts['env'];
  readonly log: Logger;
  readonly control: Pick<KernelControl, 'aside' | 'info' | 'list' | 'probation' | 'providerOf' | 'swap'>;
  readonly within?: Within | undefined;
  readonly inCharge: () => string;
  readonly previous: () => string | undefined;
  /** Whether this process schedules at present. */
  readonly active: () => boolean;
  readonly config: ShadowConfig;
  /** How long a promoted scheduler is on probation. */
  readonly probationMs: number;
}

function refusal(reason: StatusReason, problem: SchedulingProblem, message: string): ApiError {
  return new ApiError(reason, message, { causes: [{ reason: problem, message }] });
}

interface Trial {
  readonly run: ShadowRun;
  readonly aside: AsideProvider;
}

export class ShadowService {
  readonly #parts: ShadowServiceParts;
  #trial: Trial | undefined;
  #starting = false;
  #promoting = false;

  constructor(parts: ShadowServiceParts) {
    this.#parts = parts;
  }

  /** undefined: there is none, or it has ended. */
  get run(): ShadowRun | undefined {
    return this.#trial?.run.hasEnded === false ? this.#trial.run : undefined;
  }

  /** @throws ApiError, or KernelError of {@link KernelControl.aside} */
  async begin(nameOrFile: string, changes: Partial<ShadowConfig> = {}): Promise<ShadowReport> {
    const { run } = this;
    if (this.#starting) throw refusal('Conflict', 'shadow-busy', 'another scheduler is being put into shadow');
    if (run !== undefined) throw refusal('Conflict', 'shadow-busy', `${run.name} is in shadow`);
    this.#starting = true;
    try {
      const aside = await this.#parts.control.aside(schedulerService, nameOrFile);
      this.#trial = { aside, run: this.#runOf(aside, { ...this.#parts.config, ...changes }) };
      return this.#trial.run.report();
    } finally {
      this.#starting = false;
    }
  }

  /** Of the present run, or of the last one. @throws ApiError */
  report(): ShadowReport {
    if (this.#trial === undefined) throw refusal('NotFound', 'no-shadow', 'no scheduler is in shadow');
    return this.#trial.run.report();
  }

  /** @throws ApiError */
  async end(reason: string): Promise<ShadowReport> {
    const { run } = this;
    if (run === undefined || this.#trial === undefined)
      throw refusal('NotFound', 'no-shadow', 'no scheduler is in shadow');
    run.end(reason);
    await this.#trial.aside.close(reason);
    return run.report();
  }

  /** Puts the candidate into charge. @throws ApiError, or KernelError: then the old one serves on */
  async promote(): Promise<SwapReport> {
    const { run } = this;
    if (run === undefined) {
      const ended = this.#trial === undefined ? '' : `: the run of ${this.#trial.run.name} has ended`;
      throw refusal('Conflict', 'no-shadow', `no scheduler is in shadow${ended}`);
    }
    const { control, probationMs } = this.#parts;
    this.#promoting = true;
    try {
      // The kernel ends the one aside, when nothing speaks against the swap, and builds it anew.
      const report = await control.swap(schedulerService, run.name, { probationMs });
      run.end('it was promoted');
      return report;
    } finally {
      this.#promoting = false;
    }
  }

  /** Puts the one before into charge. @throws ApiError, or KernelError: then the present one serves on */
  async revert(): Promise<SwapReport> {
    const previous = this.#parts.previous();
    if (previous === undefined) {
      throw refusal('Conflict', 'no-previous', 'no other scheduler was in charge since this server started');
    }
    // Without probation: whoever goes back does not want to be swapped forth again.
    return this.#parts.control.swap(schedulerService, previous, { probationMs: 0 });
  }

  status(): Omit<SchedulingStatus, 'external'> {
    const { control, previous, active } = this.#parts;
    const report = this.#trial?.run.report();
    return {
      inCharge: control.providerOf(schedulerService) ?? null,
      previous: previous() ?? null,
      active: active(),
      shadow: report === undefined ? null : inShort(report),
      probation: control.probation(schedulerService) ?? null,
      lastFallBack: lastFallBack(control.list()) ?? null,
    };
  }

  #runOf(aside: AsideProvider, config: ShadowConfig): ShadowRun {
    const { env, within, inCharge, log } = this.#parts;
    const scheduler = aside.service as Scheduler;
    const name = aside.plugin;
    const onEnd = (reason: string): void => {
      log.info({ scheduler: name, reason }, 'a scheduler has left the shadow');
      aside.close(reason).catch((error: unknown) => log.warn({ scheduler: name }, errorMessage(error)));
    };
    const run = new ShadowRun({ env, name, scheduler, within, inCharge, onEnd }, config);
    const gone = (): void => run.end(this.#whyGone(name));
    aside.signal.addEventListener('abort', gone, { once: true });
    if (aside.signal.aborted) gone();
    return run;
  }

  #whyGone(name: string): string {
    if (this.#promoting) return 'it was promoted';
    return `its plugin has ended: ${this.#parts.control.info(name).reason ?? 'it was disabled or swapped'}`;
  }
}

function inShort({ state, reason, startedAt, agreement, candidate }: ShadowReport): SchedulingStatus['shadow'] {
  return { scheduler: candidate.scheduler, state, ...(reason === undefined ? {} : { reason }), startedAt, agreement };
}

/** The kernel keeps with a plugin why it was swapped back. */
function lastFallBack(plugins: ReturnType<KernelControl['list']>): FallBack | undefined {
  const [last] = plugins
    .filter(({ provides, state }) => provides.includes(schedulerService) && state === 'failed')
    .filter(({ reason }) => reason?.includes('swapped back to') === true)
    .toSorted((a, b) => Date.parse(b.since) - Date.parse(a.since));
  return last && { plugin: last.name, reason: last.reason ?? '', at: last.since };
}
