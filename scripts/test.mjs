// Runs the tests: `npm test`, or `npm test -- PATTERN…` for some of them. Unit and integration tests run two at a time, e2e
// tests one after the other, since they share the machine's network. When few files of all fail, each is run once more, alone: a
// busy machine fails a test in thousands now and then. Those that pass then are named as unsteady: each is a defect of the
// test or of the code. Ends with the counts, alone on the last line.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const patterns = process.argv.slice(2);
/** More than these are no accident. */
const mostRepeated = 3;
const directory = mkdtempSync(join(tmpdir(), 'timonel-test-'));
/** Result of each test file, the last one counts. */
const files = new Map();
let runs = 0;
let broken = false;

if (!existsSync(join(root, 'cli', 'dist', 'bin.js'))) {
  console.error('The tree is not built: run `npm install` (or `npm run build`) first.');
  process.exit(1);
}

function jest(projects, options, paths) {
  const output = join(directory, `${runs++}-${projects[0]}.json`);
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
      ...options,
      '--',
      ...paths,
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (!existsSync(output)) {
    broken = true;
    return;
  }
  const { testResults } = JSON.parse(readFileSync(output, 'utf8'));
  for (const suite of testResults) files.set(suite.name, resultOf(suite));
  // Not because of a test.
  if (child.status !== 0 && testResults.every(({ status }) => status !== 'failed')) broken = true;
}

function resultOf({ status, assertionResults }) {
  const count = (...wanted) => assertionResults.filter((test) => wanted.includes(test.status)).length;
  const passed = count('passed');
  const failed = count('failed');
  const skipped = assertionResults.length - passed - failed;
  // A suite that failed outside of its tests, by being loaded or by cleaning up, counts as one failure.
  return { passed, failed: status === 'failed' ? Math.max(failed, 1) : failed, skipped };
}

const failedFiles = () => [...files].filter(([, { failed }]) => failed > 0).map(([name]) => name);

function runFailedAgain() {
  const failed = failedFiles();
  if (failed.length === 0 || failed.length > mostRepeated) return;
  console.error(`\nRuns again, alone, what failed: ${failed.map((name) => relative(root, name)).join(' ')}`);
  jest(['unit', 'integration', 'e2e'], ['--runInBand', '--runTestsByPath'], failed);
  const still = new Set(failedFiles());
  for (const name of failed) {
    if (!still.has(name)) console.error(`UNSTEADY ${relative(root, name)}: failed once (see above), passed alone`);
  }
}

try {
  jest(['unit', 'integration'], ['--maxWorkers=2'], patterns);
  jest(['e2e'], ['--runInBand'], patterns);
  if (!broken && patterns.length === 0) runFailedAgain();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const totals = { passed: 0, failed: broken ? 1 : 0, skipped: 0 };
for (const result of files.values()) for (const key of Object.keys(totals)) totals[key] += result[key];
if (totals.passed + totals.failed === 0) {
  console.error(patterns.length > 0 ? `No test matches ${patterns.join(' ')}.` : 'No test ran.');
  broken = true;
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(broken || totals.failed > 0 ? 1 : 0);
