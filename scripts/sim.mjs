// Simulates whole store clusters from seeds: `npm run sim -- raft --seeds 500`, one seed again with `--seed 17 --trace`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from './sim/compile.mjs';
import { runSeeds } from './sim/pool.mjs';

const usage = `npm run sim -- raft [--seeds N] [--seed FIRST] [--workers N] [--duration-ms N] [--trace] [--keep-going] [--mutant NAME]
npm run sim -- raft [NAME,…] --mutants [--seeds N]     finds each seeded bug within N seeds (2000)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    workers: { type: 'string', default: '2' },
    'duration-ms': { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    'compile-only': { type: 'boolean', default: false },
    mutant: { type: 'string' },
  },
});

const workers = Number(values.workers);
const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.mutants ? 2_000 : values.seed === undefined ? 500 : 1));
const options = values['duration-ms'] === undefined ? {} : { durationMs: Number(values['duration-ms']) };
if (positionals[0] !== 'raft' || ![workers, first, count].every((number) => Number.isInteger(number) && number > 0)) {
  console.error(usage);
  process.exit(2);
}

const load = (directory, file) => import(pathToFileURL(join(directory, 'test/simulation', file)).href);

function replay(seed, mutant) {
  const duration = options.durationMs === undefined ? '' : ` --duration-ms ${options.durationMs}`;
  return `npm run sim -- raft --seed ${seed}${duration}${mutant === undefined ? '' : ` --mutant '${mutant}'`} --trace`;
}

function describe({ seed, traceHash, traceLines, simulatedMs, operations, answered, revisions, counts }) {
  return (
    `seed ${seed}: trace ${traceHash} of ${traceLines} lines, ${(simulatedMs / 1000).toFixed(1)} s simulated, ` +
    `${answered} of ${operations} operations answered, ${revisions} revisions; ${JSON.stringify(counts)}`
  );
}

/** The sources as they are, or with the bug named by --mutant. */
async function chosen() {
  if (values.mutant === undefined) return compile();
  const { mutants } = await load(compile(), 'mutants/mutants.js');
  const mutant = mutants.find(({ name }) => name === values.mutant);
  if (mutant === undefined)
    throw new Error(`no mutant ${values.mutant}; there are ${mutants.map(({ name }) => name).join(', ')}`);
  return compile(mutant.patches);
}

async function runAll() {
  const directory = await chosen();
  const beganMs = performance.now();
  const totals = { seeds: 0, failed: [], undecided: [], events: 0, operations: 0, answered: 0, simulatedMs: 0 };
  const counts = {};
  await runSeeds({
    directory,
    first,
    count,
    workers,
    options,
    onResult: (result) => {
      totals.seeds += 1;
      totals.events += result.events ?? 0;
      totals.operations += result.operations ?? 0;
      totals.answered += result.answered ?? 0;
      totals.simulatedMs += result.simulatedMs ?? 0;
      for (const [name, value] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + value;
      if (result.undecided === true) {
        totals.undecided.push(result.seed);
        console.error(
          `seed ${result.seed} UNDECIDED: the search for an order was given up\n  replay: ${replay(result.seed)}`,
        );
      }
      if (result.violations.length === 0) return false;
      totals.failed.push(result.seed);
      console.error(`seed ${result.seed} FAILED\n  ${result.violations.join('\n  ')}`);
      for (const line of result.tail.slice(-25)) console.error(`    ${line}`);
      console.error(`  replay: ${replay(result.seed)}`);
      return !values['keep-going'];
    },
  });
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  if (values.json) console.log(JSON.stringify({ ...totals, seconds, cpuSeconds, counts }));
  else {
    console.log(
      `${totals.seeds} seeds from ${first}: ${totals.failed.length} failed, ${totals.undecided.length} undecided; ` +
        `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of a processor, ${(totals.seeds / seconds).toFixed(1)} seeds/s, ` +
        `${(totals.simulatedMs / 1000).toFixed(0)} s simulated, ${totals.events} events, ${totals.operations} operations`,
    );
    console.log(JSON.stringify(counts));
  }
  // What was not decided is not proved.
  return totals.failed.length + totals.undecided.length === 0 ? 0 : 1;
}

async function runTraced() {
  const { runSeed } = await load(await chosen(), 'scenario/run.js');
  const result = runSeed({ seed: first, ...options, ...(values.trace && { print: (line) => console.log(line) }) });
  if (values.json) console.log(JSON.stringify(result));
  else console.log(describe(result));
  for (const violation of result.violations) console.error(`VIOLATION ${violation}`);
  if (result.undecided) console.error('UNDECIDED: the search for an order was given up');
  if (result.violations.length > 0) console.error(`replay: ${replay(first)}`);
  return result.violations.length === 0 && !result.undecided ? 0 : 1;
}

async function runMutants() {
  const { mutants } = await load(compile(), 'mutants/mutants.js');
  const { runSeed } = await load(compile(), 'scenario/run.js');
  const wanted = (positionals[1] ?? '').split(',').filter((name) => name !== '');
  const results = [];
  for (const mutant of mutants.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const directory = compile(mutant.patches);
    if (values['compile-only']) continue;
    let seeds = 0;
    let found;
    const beganMs = performance.now();
    const onResult = (result) => {
      seeds += 1;
      const slow = (violation) => violation.startsWith('liveness') || violation.startsWith('calm');
      const broken = result.violations.filter((violation) => mutant.breaks === 'liveness' || !slow(violation));
      if (broken.length === 0 || found !== undefined) return found !== undefined;
      if (result.traceHash === undefined) throw new Error(`${mutant.name}: ${result.violations[0]}`);
      // What the sources without the patch do too proves nothing.
      if (runSeed({ seed: result.seed, ...options }).violations.length === 0) found = result;
      return found !== undefined;
    };
    await runSeeds({ directory, first, count, workers, options, onResult });
    results.push({
      name: mutant.name,
      seeds,
      found: found !== undefined,
      violation: found?.violations[0],
      ...(found && { replay: replay(found.seed, mutant.name) }),
    });
    if (!values.json) {
      const outcome =
        found === undefined
          ? 'NOT FOUND'
          : `found by seed ${found.seed}, the ${seeds}. run, ${((performance.now() - beganMs) / 1000).toFixed(0)} s`;
      console.log(`${mutant.name}: ${outcome}\n    ${found?.violations[0]?.slice(0, 200) ?? ''}`);
    }
  }
  if (values.json) console.log(JSON.stringify(results));
  const missed = results.filter(({ found }) => !found);
  if (!values.json && !values['compile-only'])
    console.log(`${results.length - missed.length} of ${results.length} mutants found within ${count} seeds`);
  return missed.length === 0 && (results.length > 0 || values['compile-only']) ? 0 : 1;
}

process.exitCode = await (values.mutants ? runMutants() : count === 1 ? runTraced() : runAll());
