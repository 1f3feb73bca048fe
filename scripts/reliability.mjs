// Ends agent and runtime at every step of a pod's start and stop, and writes docs/reference/reliability.md: `npm run reliability`.
// With `--quick FILE` (tests) it ends both during each step only, and writes what came of it to the file, as JSON. Ends with 1 when
// something was not repaired. Needs root.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { faultTable } = await import('../test/reliability/fault-table.ts');
const [mode, file] = process.argv.slice(2);
const isQuick = mode === '--quick';
const moments = isQuick ? ['during'] : ['before', 'during', 'after'];
const kills = ['agent', 'runtime'].flatMap((victim) => moments.map((moment) => ({ victim, moment })));
const onTrial = (done, all) => {
  if (!isQuick && done % 20 === 0) console.log(`${done} of ${all}`);
};
const table = await faultTable({ lanes: 3, kills, manyPods: isQuick ? 100 : 500, onTrial });
let runtimes = {};
if (isQuick) writeFileSync(file, JSON.stringify(table));
else {
  const { pageOf } = await import('../test/reliability/page.ts');
  const { faultTable: stepsOfRuntimeLinux } = await import('../plugins/runtime-linux/src/testing/fault-table.ts');
  runtimes = { 'Steps of runtime-linux itself': await stepsOfRuntimeLinux() };
  const page = join(import.meta.dirname, '..', 'docs', 'reference', 'reliability.md');
  writeFileSync(page, pageOf(table, runtimes));
}
const all = [...table.rows, ...Object.values(runtimes).flat(), { ...table.many, step: 'many pods' }];
const bad = all.filter(({ outcome }) => outcome !== 'repaired');
for (const { phase = '', step, killed = '', outcome } of bad) console.error(`${phase} ${step}, ${killed}: ${outcome}`);
process.exit(bad.length === 0 ? 0 : 1);
