// Runs the conformance tests and writes docs/reference/conformance.md: `npm run conformance`. Ends with 1 when one of them fails.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { pageOf } = await import('../test/conformance/support/page.ts');
const root = join(import.meta.dirname, '..');
const directory = mkdtempSync(join(tmpdir(), 'timonel-conformance-'));

/** Every test of the files right in test/conformance: those of its support are not of the list. */
function results() {
  const output = join(directory, 'results.json');
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const flags = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', jest];
  const wanted = [
    '--selectProjects',
    'integration',
    '--json',
    `--outputFile=${output}`,
    'test/conformance/[^/]+\\.test\\.ts$',
  ];
  spawnSync(process.execPath, [...flags, ...wanted], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  return JSON.parse(readFileSync(output, 'utf8')).testResults;
}

try {
  const suites = results();
  const broken = suites.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0);
  for (const { name, message } of broken) console.error(`${name} could not be run:\n${message}`);
  const tests = suites
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ ancestorTitles, title, status }) => ({
      line: ancestorTitles[0] ?? '',
      name: [...ancestorTitles.slice(1), title].join(' '),
      passed: status === 'passed',
    }));
  if (broken.length === 0) writeFileSync(join(root, 'docs', 'reference', 'conformance.md'), pageOf(tests));
  const failed = tests.filter(({ passed }) => !passed);
  for (const { line, name } of failed) console.error(`failed or skipped: ${line}: ${name}`);
  console.log(`${tests.length - failed.length} of ${tests.length} conformance tests pass`);
  process.exitCode = failed.length + broken.length === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
