/** docs/reference/conformance.md: which behaviours have tests, and whether those pass. Pure. */
import { lines, type Behaviour, type Line } from '../areas.ts';

export interface ConformanceTest {
  /** The title of its `describe`. */
  readonly line: string;
  readonly name: string;
  readonly passed: boolean;
}

const head = `<!-- Written by \`npm run conformance\`: do not edit. -->

# Conformance

What users of the Kubernetes API rely on of the API server, controllers and nodes, and the tests of ours that show it. OFFICIAL counts the
tests of Kubernetes' conformance list (up to 1.35) that a behaviour stands for; those themselves are not run here. The list has eight more
tests from 1.36 on, which count 0 or are left out: four of MutatingAdmissionPolicy, and those of PodCertificateRequest,
StorageVersionMigration, DeviceTaintRule and image volumes. Controllers run on the real API server with nodes in name only; most lines of
\`node\`, the volumes of \`storage\` and the lines "with containers" run real containers on a real node, those of the network on several
machines. A behaviour with 0 is counted at another line, or is not in the list. "missing" is a behaviour that no test shows yet.
`;

type State = 'pass' | 'FAIL' | 'missing';

function stateOf(tests: readonly ConformanceTest[]): State {
  if (tests.length === 0) return 'missing';
  return tests.every(({ passed }) => passed) ? 'pass' : 'FAIL';
}

const shownBy = ({ shownBy: pattern }: Behaviour, tests: readonly ConformanceTest[]): ConformanceTest[] =>
  tests.filter(({ name }) => pattern.test(name));

/** Tests of the conformance list whose behaviours pass. */
function officialPassed({ behaviours }: Line, tests: readonly ConformanceTest[]): number {
  return behaviours
    .filter((behaviour) => stateOf(shownBy(behaviour, tests)) === 'pass')
    .reduce((sum, { official }) => sum + official, 0);
}

const officialOf = ({ behaviours }: Line): number => behaviours.reduce((sum, { official }) => sum + official, 0);

function section(line: Line, tests: readonly ConformanceTest[]): string {
  const rows = line.behaviours.map((behaviour) => {
    const shown = shownBy(behaviour, tests);
    return `| ${behaviour.text} | ${behaviour.official} | ${stateOf(shown)} |`;
  });
  const names = tests.map(({ name, passed }) => `- ${name}${passed ? '' : ' — **FAILS**'}`);
  return [
    `## ${line.title}`,
    '',
    '| behaviour | official | ours |',
    '| --- | --: | --- |',
    ...rows,
    ...(names.length === 0 ? [] : ['', ...names]),
    '',
  ].join('\n');
}

/** The page for the results of all conformance tests. Lines that they name and `areas.ts` does not come last. */
export function pageOf(tests: readonly ConformanceTest[]): string {
  const known = new Set(lines.map(({ title }) => title));
  const strange = [...new Set(tests.map(({ line }) => line))].filter((title) => !known.has(title)).toSorted();
  const all: readonly Line[] = [...lines, ...strange.map((title) => ({ title, behaviours: [] }))];
  const testsOf = ({ title }: Line): ConformanceTest[] => tests.filter(({ line }) => line === title);
  const summary = all.map((line) => {
    const own = testsOf(line);
    const anchor = line.title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const shown = `${officialPassed(line, own)} of ${officialOf(line)}`;
    return `| [${line.title}](#${anchor}) | ${shown} | ${own.length} | ${stateOf(own)} |`;
  });
  const sum = (count: (line: Line) => number): number => lines.reduce((total, line) => total + count(line), 0);
  const passed = sum((line) => officialPassed(line, testsOf(line)));
  const total = `Behaviours of ${passed} of ${sum(officialOf)} tests of the list are shown by ${tests.length} tests of ours.`;
  const table = ['| line | official | ours | |', '| --- | --: | --: | --- |', ...summary].join('\n');
  return [head, total, '', table, '', ...all.map((line) => section(line, testsOf(line)))].join('\n');
}
