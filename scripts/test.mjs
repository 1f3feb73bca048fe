// Runs the tests: `npm test`, or `npm test -- PATTERN…` for some of them. Unit and integration tests run two at a time, e2e
// tests one after the other, since they share the machine's network. Ends with the counts, alone on the last line.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const patterns = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'timonel-test-'));
const totals = { passed: 0, failed: 0, skipped: 0, suites: 0 };
let broken = false;

if (!existsSync(join(root, 'cli', 'dist', 'bin.js'))) {
  console.error('The tree is not built: run `npm install` (or `npm run build`) first.');
  process.exit(1);
}

function run(projects, extra) {
  const output = join(directory, `${projects[0]}.json`);
  const child = spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--experimental-vm-modules',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--selectProjects',
      ...projects,
      '--passWithNoTests',
      '--json',
      `--outputFile=${output}`,
      ...extra,
      '--',
      ...patterns,
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (!existsSync(output)) {
    broken = true;
    return;
  }
  const result = JSON.parse(readFileSync(output, 'utf8'));
  totals.passed += result.numPassedTests;
  totals.failed += result.numFailedTests;
  totals.skipped += result.numPendingTests + result.numTodoTests;
  totals.suites += result.numTotalTestSuites;
  // A suite that could not even be loaded counts as one failure: it has no tests of its own in the figures.
  totals.failed += result.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
  ).length;
  if (child.status !== 0) broken = true;
}

try {
  run(['unit', 'integration'], ['--maxWorkers=2']);
  run(['e2e'], ['--runInBand']);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (totals.passed + totals.failed === 0) {
  console.error(patterns.length > 0 ? `No test matches ${patterns.join(' ')}.` : 'No test ran.');
  broken = true;
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(broken || totals.failed > 0 ? 1 : 0);
