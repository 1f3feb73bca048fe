/** `npm run bench`: chooses benchmarks, runs them one after the other, prints their figures. */
import { existsSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { admission } from './admission.ts';
import { api } from './api.ts';
import type { Bench } from './bench.ts';
import { builtCommand } from './bench-cluster.ts';
import { cleanUp } from './cleanup.ts';
import { controllers } from './controllers.ts';
import { formatFigures, summarise, type Figure } from './figures.ts';
import { footprint } from './footprint.ts';
import { ingress } from './ingress.ts';
import { metrics } from './metrics.ts';
import { network } from './network.ts';
import { podStart } from './pod-start.ts';
import { pods } from './pods.ts';
import { runtime } from './runtime.ts';
import { scheduler } from './scheduler.ts';
import { schedulerSwaps } from './scheduler-swaps.ts';
import { sessions } from './sessions.ts';
import { startup } from './startup.ts';
import { storeSpace } from './store-space.ts';
import { store } from './store.ts';

const benches: readonly Bench[] = [
  startup,
  podStart,
  pods,
  footprint,
  store,
  storeSpace,
  api,
  admission,
  metrics,
  sessions,
  scheduler,
  schedulerSwaps,
  controllers,
  runtime,
  network,
  ingress,
];
const leastRounds = 1;

function list(): string {
  return benches.map(({ name, description }) => `  ${name.padEnd(17)}${description}`).join('\n');
}

const help = `Measures the built tree against its target figures.

Usage: npm run bench -- [--rounds N] [--only TEXT]… [--json FILE] [NAME…]

${list()}

Options:
  --rounds N    how often each thing is measured; fewer than the default is for a quick look (default: ${benches.map((bench) => `${bench.name} ${bench.defaultRounds}`).join(', ')})
  --only TEXT   measure the rows whose name contains the text, of ${benches.flatMap(({ name, rows }) => (rows === undefined ? [] : name)).join(', ')}; may be given several times
  --json FILE   write the JSON there instead of printing it below the table
  --help        print this

The exit code is 0 when every wanted figure is met, 1 when one is missed or could not be measured, 2 for wrong use.`;

interface Choice {
  readonly chosen: readonly Bench[];
  readonly rounds: number | undefined;
  readonly only: readonly string[] | undefined;
  readonly json: string | undefined;
}

/** The names of the rows that contain one of the texts; a sentence where that is no choice. */
function chooseRows(chosen: readonly Bench[], texts: readonly string[]): readonly string[] | string {
  const whole = chosen.flatMap(({ name, rows }) => (rows === undefined ? name : []));
  if (whole.length > 0) return `--only chooses among rows, which ${whole.join(' and ')} does not have: leave it out`;
  const names = chosen.flatMap(({ rows = [] }) => rows);
  const matches = (name: string, text: string): boolean => name.toLowerCase().includes(text.toLowerCase());
  const strange = texts.find((text) => !names.some((name) => matches(name, text)));
  if (strange !== undefined) {
    return `no row has "${strange}" in its name. Rows:\n${names.map((name) => `  ${name}`).join('\n')}`;
  }
  return names.filter((name) => texts.some((text) => matches(name, text)));
}

/** What to run; a number is the exit code where there is nothing to run. */
function choose(argv: readonly string[]): Choice | number {
  const wrong = (message: string): number => {
    console.error(`error: ${message}`);
    return 2;
  };
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help === true || positionals.length === 0) {
    console.log(values.help === true ? help : `Name one or more benchmarks:\n\n${list()}\n\n--help tells more.`);
    return 0;
  }
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) return wrong(`there is no benchmark ${unknown.join(', ')}. Benchmarks:\n${list()}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= leastRounds && rounds <= 100)) {
    return wrong(`--rounds ${values.rounds} is not a whole number from ${leastRounds} to 100`);
  }
  const chosen = benches.filter((bench) => positionals.includes(bench.name));
  const only = values.only === undefined ? undefined : chooseRows(chosen, values.only);
  if (typeof only === 'string') return wrong(only);
  const rootOnly = chosen.filter((bench) => bench.needsRoot).map((bench) => bench.name);
  if (rootOnly.length > 0 && process.getuid?.() !== 0) {
    return wrong(`root is needed for ${rootOnly.join(' and ')}: isolated containers`);
  }
  if (!existsSync(builtCommand)) return wrong('the tree is not built: run `npm run build` first');
  return { chosen, rounds, only, json: values.json };
}

/** Whether the command is run from its bundle, as users run it. */
async function isBundled(): Promise<boolean> {
  const file = join(dirname(builtCommand), 'bundled-program.js');
  const { bundledProgram } = (await import(file)) as typeof import('../../cli/src/bundled-program.ts');
  return bundledProgram() !== undefined;
}

function report(figures: readonly Figure[]): string {
  const machine = {
    node: process.version,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryMB: Math.round(totalmem() / 1e6),
  };
  const rounded = (value: number): number => Math.round(value * 1000) / 1000;
  const entries = figures.map((figure) => {
    const { result, ...summary } = summarise(figure);
    const numbers = Object.fromEntries(Object.entries(summary).map(([key, value]) => [key, rounded(value)]));
    return { ...figure, ...numbers, result, samples: figure.samples.map(rounded) };
  });
  return JSON.stringify({ measured: new Date().toISOString(), machine, figures: entries }, null, 2);
}

/** Resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const choice = choose(argv);
  if (typeof choice === 'number') return choice;
  let ended: Promise<never> | undefined;
  const onSignal = (): void => {
    console.error('cleaning up …');
    ended ??= cleanUp().then((errors) => {
      for (const error of errors) console.error(error);
      process.exit(130);
    });
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const print = (text: string): void => {
    if (ended === undefined) console.log(`${text}\n`);
  };
  if (!(await isBundled()))
    console.error(
      'The bundle is older than the build, and starts and memory are worse without it: run `npm run build`.',
    );
  const figures: Figure[] = [];
  let failed = false;
  for (const bench of choice.chosen) {
    const note = (line: string): void => console.error(`${bench.name}: ${line}`);
    try {
      const rounds = choice.rounds ?? bench.defaultRounds;
      const only = choice.only === undefined ? {} : { only: choice.only };
      figures.push(...(await bench.run({ rounds, ...only, note, print })));
    } catch (error) {
      failed = true;
      console.error(`${bench.name} failed:`, error);
    }
  }
  if (ended !== undefined) return ended;
  const json = report(figures);
  const table = formatFigures(figures);
  if (table !== '') console.log(table);
  if (choice.json === undefined) console.log(`\n${json}`);
  else writeFileSync(choice.json, `${json}\n`);
  return failed || figures.some((figure) => summarise(figure).result === 'MISS') ? 1 : 0;
}
