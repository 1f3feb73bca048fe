/** `timonel scheduler shadow`, `diff`, `promote` and `revert`. */
import type { Command } from 'commander';
import type { SwapReport } from '@timonel/sdk';
import {
  schedulingRoot,
  type SchedulingProblem,
  type SchedulingStatus,
  type ShadowReport,
} from '@timonel/sdk/contracts/scheduler-shadow';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';
import { diffText, swapText } from './scheduler-text.ts';

const shownDifferences = 10;

interface ShadowFlags extends AccessFlags {
  readonly timeShare?: string;
  readonly stop?: boolean;
}

interface DiffFlags extends AccessFlags {
  readonly all?: boolean;
}

/** `10%` → 0.1. @throws CliError usage */
export function parseShare(text: string): number {
  const value = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number(text.replace('%', '')) / 100 : Number.NaN;
  if (value >= 0.001 && value <= 1) return value;
  throw new CliError(`--time-share ${text}: give percent from 0.1 to 100, for example 8%.`, exitCodes.usage);
}

const hints: Readonly<Record<SchedulingProblem, string>> = {
  'no-shadow': 'put one there by `timonel scheduler shadow NAME`',
  'shadow-busy': 'end that by `timonel scheduler shadow --stop` first',
  'no-previous': 'name one by `timonel scheduler use NAME`',
};

interface Refusal {
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
}

/** The failure of a call, with what to do about it. */
export function helpfully(error: unknown): unknown {
  const { message, cause } = error as { readonly message: string; readonly cause?: Refusal };
  const problem = cause?.details?.causes?.[0]?.reason;
  const hint = problem !== undefined && Object.hasOwn(hints, problem) ? hints[problem as SchedulingProblem] : undefined;
  if (hint !== undefined) return new CliError(`${message}: ${hint}.`, exitCodes.failure, { cause });
  if (cause?.reason !== 'NotFound' || problem !== undefined) return error;
  const text = 'This server puts no schedulers into shadow: is its plugin scheduler-host enabled?';
  return new CliError(text, exitCodes.failure, { cause });
}

async function call<T>(flags: AccessFlags, method: string, path: string, body?: unknown): Promise<T> {
  try {
    return await callCluster<T>(accessOf(flags), method, `${schedulingRoot}${path}`, body);
  } catch (error) {
    throw helpfully(error);
  }
}

/** undefined: this cluster does not tell. */
export async function schedulingStatus(flags: AccessFlags): Promise<SchedulingStatus | undefined> {
  try {
    return await callCluster<SchedulingStatus>(accessOf(flags), 'GET', `${schedulingRoot}/status`);
  } catch (error) {
    if (((error as Error).cause as { reason?: string } | undefined)?.reason === 'NotFound') return undefined;
    throw error;
  }
}

async function warnWhenIdle(flags: AccessFlags): Promise<void> {
  if ((await schedulingStatus(flags))?.active !== false) return;
  process.stderr.write(
    'note: this server does not schedule at present, another one leads; name the kubeconfig of that one by --kubeconfig\n',
  );
}

type FindProvider = (target: string, flags: AccessFlags) => Promise<string>;

async function shadow(target: string | undefined, flags: ShadowFlags, providerOf: FindProvider): Promise<void> {
  if (flags.stop === true) {
    if (target !== undefined) throw new CliError('Either a scheduler or --stop, not both.', exitCodes.usage);
    const report = await call<ShadowReport>(flags, 'DELETE', '/shadow');
    print(flags, report, () => `${report.candidate.scheduler} is not in shadow any more`);
    return;
  }
  if (target === undefined) {
    throw new CliError(
      'Which scheduler? Name one, like `timonel scheduler shadow binpack`, or say --stop.',
      exitCodes.usage,
    );
  }
  const timeShare = flags.timeShare === undefined ? {} : { timeShare: parseShare(flags.timeShare) };
  const scheduler = await providerOf(target, flags);
  const report = await call<ShadowReport>(flags, 'POST', '/shadow', { scheduler, ...timeShare });
  print(
    flags,
    report,
    () =>
      `${report.candidate.scheduler} decides in shadow of ${report.live.scheduler} and binds nothing; it gets ${Number((report.timeShare * 100).toPrecision(3))} % of the time.\n` +
      'Compare them: `timonel scheduler diff`. Put it in charge: `timonel scheduler promote`.',
  );
  await warnWhenIdle(flags);
}

async function diff(flags: DiffFlags): Promise<void> {
  const report = await call<ShadowReport>(flags, 'GET', '/shadow');
  const limit = flags.all === true ? Number.POSITIVE_INFINITY : shownDifferences;
  print(flags, report, () => diffText(report, Date.now(), limit));
  if (report.state === 'running') await warnWhenIdle(flags);
}

async function promote(flags: AccessFlags): Promise<void> {
  const report = await call<SwapReport>(flags, 'POST', '/shadow/promote');
  const probation = (await schedulingStatus(flags))?.probation;
  const rest =
    probation === undefined || probation === null
      ? ''
      : `\nOn probation for ${Math.ceil(probation.endsInMs / 1000)} s: if it does badly, ${probation.previous} takes over again by itself. Go back at any time: \`timonel scheduler revert\`.`;
  print(flags, report, () => `${swapText(report)}${rest}`);
}

async function revert(flags: AccessFlags): Promise<void> {
  const report = await call<SwapReport>(flags, 'POST', '/revert');
  print(flags, report, () => swapText(report));
}

export function addShadowCommands(scheduler: Command, providerOf: FindProvider): void {
  withAccess(
    scheduler
      .command('shadow [name-or-file]')
      .description('Let another scheduler decide about the same pods, without effect, to compare them'),
  )
    .option('--time-share <percent>', 'how much of the time it may take (default: 8%)')
    .option('--stop', 'end the present one')
    .addHelpText(
      'after',
      '\nIt sees what the scheduler in charge sees, after that one has decided. When it is too slow for its share of the time, pods are skipped and counted. After ten faults it is ended.' +
        '\n\nExamples:\n  timonel scheduler shadow binpack\n  timonel scheduler shadow ./scheduler-mine.ts --time-share 25%\n  timonel scheduler shadow --stop',
    )
    .action((target: string | undefined, flags: ShadowFlags) => shadow(target, flags, providerOf));
  withAccess(scheduler.command('diff').description('Compare the scheduler in shadow with the one in charge'))
    .option('--all', 'show all differences that are kept, not only the last ten')
    .addHelpText(
      'after',
      '\nEach batch of pods begins with what really is, so figures about nodes differ by the decisions of one batch.' +
        '\n\nExamples:\n  timonel scheduler diff\n  timonel scheduler diff --all\n  timonel scheduler diff -o json',
    )
    .action(diff);
  withAccess(scheduler.command('promote').description('Put the scheduler in shadow in charge'))
    .addHelpText(
      'after',
      '\nOn any failure the old one goes on. Afterwards it is on probation: when it is much slower, fails, or leaks, the old one takes over again.' +
        '\n\nExamples:\n  timonel scheduler promote\n  timonel scheduler promote -o json',
    )
    .action(promote);
  withAccess(scheduler.command('revert').description('Put the scheduler that was in charge before in charge again'))
    .addHelpText('after', '\nExamples:\n  timonel scheduler revert\n  timonel scheduler revert -o json')
    .action(revert);
}
