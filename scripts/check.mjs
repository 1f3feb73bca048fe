// Everything that is not a test of behaviour: build, types of sources and tests, lint, formatting, and the architecture test.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const steps = [
  ['build', 'npm', ['run', '--silent', 'build']],
  ['types of the tests', bin('tsc'), ['-p', 'test/tsconfig.json']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['format', bin('oxfmt'), ['--check', '.']],
  ['architecture', process.execPath, ['scripts/test.mjs', 'test/architecture']],
];
let failed = 0;
for (const [name, command, args] of steps) {
  const began = performance.now();
  const child = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  const ms = Math.round(performance.now() - began);
  console.log(`${child.status === 0 ? 'ok    ' : 'FAILED'} ${String(name)} (${ms} ms)`);
  if (child.status !== 0) {
    failed += 1;
    console.log(`${child.stdout}${child.stderr}`.trimEnd());
  }
}
process.exit(failed === 0 ? 0 : 1);
