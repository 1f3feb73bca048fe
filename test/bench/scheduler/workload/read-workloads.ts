/** Reads workload files in the format of Kubernetes' scheduler_perf: test cases, each with its workloads. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseDocument } from 'yaml';
import { Fields, WorkloadError, type Params } from './fields.ts';
import { readOperation, type Operation } from './operations.ts';

export interface Workload {
  /** Of the test case: `SchedulingBasic`. */
  readonly testCase: string;
  readonly name: string;
  /** Of the test case and of its own. */
  readonly labels: readonly string[];
  /** Pods per second at least; undefined: not judged. */
  readonly threshold: number | undefined;
  /** What the file asks of the Kubernetes scheduler: of no meaning for others. */
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly operations: readonly Operation[];
}

/** Notes which parameters are looked at. */
function watched(params: Params): { readonly params: Params; readonly used: ReadonlySet<string> } {
  const used = new Set<string>();
  const get = (target: Params, name: string | symbol): unknown => {
    if (typeof name !== 'string' || !Object.hasOwn(target, name)) return undefined;
    used.add(name);
    return target[name];
  };
  return { params: new Proxy(params, { get }), used };
}

function featureGates(fields: Fields): Readonly<Record<string, boolean>> {
  const gates = Object.entries(fields.mapping('featureGates')).map(([name, value]): [string, boolean] =>
    typeof value === 'boolean' ? [name, value] : fields.fail(`featureGates.${name}`, 'must be true or false'),
  );
  return Object.fromEntries(gates);
}

/** One number, or one for each topic: then the lowest, since topics are ways of running the same workload. */
function threshold(fields: Fields): number | undefined {
  const value = fields.raw('threshold');
  const all: readonly unknown[] =
    typeof value === 'object' && value !== null ? Object.values(value) : value === undefined ? [] : [value];
  for (const each of all) {
    if (typeof each !== 'number' || !(each >= 0))
      fields.fail('threshold', `must be a number that is not negative, not ${JSON.stringify(each)}`);
  }
  const least = Math.min(...(all as readonly number[]));
  return all.length === 0 || least === 0 ? undefined : least;
}

/** Of all figures only the average throughput is compared. */
function checkSelector(fields: Fields, name: string): void {
  const selector = fields.child(name);
  if (selector === undefined) return;
  if (selector.text('name') !== 'SchedulingThroughput') selector.fail('name', 'must be SchedulingThroughput');
  if (selector.text('dataBucket') !== 'Average') selector.fail('dataBucket', 'must be Average');
  if (selector.flag('expectLower')) selector.fail('expectLower', 'must be false for a throughput');
  selector.end();
}

interface CaseFacts {
  readonly testCase: string;
  readonly labels: readonly string[];
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly template: readonly unknown[];
  readonly templateWhere: string;
  readonly folder: string;
  readonly defaultPodTemplate: string | undefined;
}

function readWorkload(fields: Fields, facts: CaseFacts): Workload {
  const name = fields.text('name');
  const { params, used } = watched(fields.mapping('params'));
  const context = { params, folder: facts.folder, defaultPodTemplate: facts.defaultPodTemplate };
  const operations = facts.template.map((operation, at) =>
    readOperation(new Fields(operation, `${facts.templateWhere}[${at}]`), context),
  );
  const idle = Object.keys(params).find((param) => !used.has(param));
  if (idle !== undefined) fields.fail(`params.${idle}`, 'no operation uses this parameter');
  checkSelector(fields, 'thresholdMetricSelector');
  const workload = {
    testCase: facts.testCase,
    name,
    labels: [...facts.labels, ...fields.texts('labels')],
    threshold: threshold(fields),
    featureGates: { ...facts.featureGates, ...featureGates(fields) },
    operations,
  };
  fields.end();
  return workload;
}

function readCase(fields: Fields, folder: string): readonly Workload[] {
  const testCase = fields.text('name');
  checkSelector(fields, 'defaultThresholdMetricSelector');
  const facts: CaseFacts = {
    testCase,
    labels: fields.texts('labels'),
    featureGates: featureGates(fields),
    template: fields.list('workloadTemplate'),
    templateWhere: `${fields.where}.workloadTemplate`,
    folder,
    defaultPodTemplate: fields.optionalText('defaultPodTemplatePath'),
  };
  if (facts.template.length === 0) fields.fail('workloadTemplate', 'must not be empty');
  const workloads = fields.children('workloads').map((each) => readWorkload(each, facts));
  const names = workloads.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) fields.fail('workloads', `two are called "${twice}"`);
  fields.end();
  return workloads;
}

/** @throws WorkloadError with the file and the place in it */
export function parseWorkloads(text: string, file: string): readonly Workload[] {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new WorkloadError(file, error.message);
  const cases: unknown = document.toJS();
  if (!Array.isArray(cases)) throw new WorkloadError(file, 'must be a list of test cases');
  return cases.flatMap((each, at) => {
    const { name } = (each ?? {}) as { name?: unknown };
    const where = typeof name === 'string' ? `${file}: ${name}` : `${file}: [${at}]`;
    return readCase(new Fields(each, where), dirname(file));
  });
}

/** @throws WorkloadError with the file and the place in it */
export function readWorkloads(file: string): readonly Workload[] {
  return parseWorkloads(readFileSync(file, 'utf8'), file);
}
