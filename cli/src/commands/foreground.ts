/** Running a kernel until somebody stops it: what `up`, `server` and `agent` have in common. */
import { join } from 'node:path';
import type { KernelProgress } from '@timonel/core';
import { openLog } from '../cluster/log-file.ts';
import { runCluster, type RunOptions, type RunningCluster } from '../cluster/run-cluster.ts';
import { exitCodes } from '../errors.ts';
import { formatMs } from '../output/table.ts';

export type Print = (line: string) => void;

export interface ForegroundOptions {
  readonly run: Omit<RunOptions, 'log' | 'onProgress' | 'onNotice'>;
  readonly title: string;
  readonly logLevel: string;
  /** Resolves at the signal that ends the run: see {@link stopRequested}. */
  readonly stopping: Promise<NodeJS.Signals>;
  readonly print: Print;
  readonly notice: Print;
  /** What is done once every plugin has started. A failure stops the run. */
  ready(cluster: RunningCluster): Promise<void>;
}

/** Prints a line unless the command is to be quiet. */
export function printer(quiet: boolean | undefined): Print {
  return (line) => {
    if (quiet !== true) process.stdout.write(`${line}\n`);
  };
}

export function notice(line: string): void {
  process.stderr.write(`! ${line}\n`);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolvePromise) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(130);
      asked = true;
      resolvePromise(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** Prints a line when a plugin has started, or has failed. */
function progressPrinter(print: Print): (event: KernelProgress) => void {
  const setupMs = new Map<string, number>();
  return (event) => {
    if (event.phase === 'setup') setupMs.set(event.plugin, event.ms);
    else if (event.phase === 'failed') print(`  ${event.plugin.padEnd(26)} FAILED: ${event.reason}`);
    else {
      const setup = formatMs(setupMs.get(event.plugin)).padStart(7);
      print(`  ${event.plugin.padEnd(26)} setup ${setup}  start ${formatMs(event.ms).padStart(7)}`);
    }
  };
}

/** Errors after which a cluster could not go on. */
const broken = new WeakSet<object>();
const isBroken = (error: unknown): boolean => typeof error === 'object' && error !== null && broken.has(error);

/** Starts, serves and stops. Sets the exit code. @throws CliError, KernelError */
export async function runInForeground(options: ForegroundOptions): Promise<void> {
  const { run, title, logLevel, stopping, print, notice } = options;
  const log = openLog(join(run.dataDir, 'timonel.log'), logLevel, notice);
  print(title);
  const progress = progressPrinter(print);
  const cluster = await runCluster({ ...run, log, onNotice: notice, onProgress: (event) => progress(event) });
  const fatal = cluster.failed.then((error) => {
    if (typeof error === 'object' && error !== null) broken.add(error);
    throw error;
  });
  let failure: unknown;
  try {
    await Promise.race([options.ready(cluster), fatal, stopping]);
    await Promise.race([stopping, fatal]);
  } catch (error) {
    failure = error;
  }
  print('Stopping …');
  // An end that nobody asked for must not take the containers with it.
  const problems = await cluster.stop(isBroken(failure) ? 'failure' : 'shutdown');
  for (const problem of problems) notice(problem);
  print(problems.length === 0 ? 'Stopped.' : 'Stopped, with the problems above.');
  if (failure !== undefined) throw failure;
  process.exitCode = problems.length === 0 ? exitCodes.ok : exitCodes.failure;
}
