// Runs the attacks of test/security on runtime-linux and on Debian's runc and crun, and writes docs/reference/security.md: `npm run security`.
// `npm run security -- timonel WORDS` runs those whose name has the words, on one runtime, and writes nothing. Ends with 1 when
// runtime-linux does not stop one.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { outcomes } = await import('../test/security/outcomes.ts');
const [only, ...words] = process.argv.slice(2);
const wanted = new RegExp(words.join(' ') || '.', 'i');
const { runtimeNames } = await import('../test/security/nodes.ts');
const results = Object.fromEntries(runtimeNames.map((name) => [name, new Map()]));
for (const name of only === undefined ? runtimeNames : [only]) {
  const tell = (attack, outcome) => {
    results[name].set(attack.name, outcome);
    console.log(`${name}: ${outcome.stopped ? 'stopped' : 'WENT THROUGH'}: ${attack.name}: ${outcome.how}`);
  };
  await outcomes(name, tell, wanted);
}
if (only === undefined) {
  const { pageOf } = await import('../test/security/page.ts');
  const versions = ['runc', 'crun'].map(
    (name) => execFileSync(name, ['--version'], { encoding: 'utf8' }).split('\n')[0],
  );
  const { detectCgroups } = await import('../sdk/src/linux/cgroup/index.ts');
  const cgroups = `control groups of version ${detectCgroups().driver?.version.slice(1)}`;
  writeFileSync(
    join(import.meta.dirname, '..', 'docs', 'reference', 'security.md'),
    pageOf(results, versions.join(' and '), cgroups),
  );
}
process.exitCode = [...results.timonel.values()].every(({ stopped }) => stopped) ? 0 : 1;
