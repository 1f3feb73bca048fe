/** A workload by its file, test case and name. */
import { readWorkloads, type Workload } from './read-workloads.ts';

export interface WorkloadName {
  readonly file: string;
  readonly testCase: string;
  readonly workload: string;
}

/** @throws Error when the file has no such workload */
export function findWorkload({ file, testCase, workload }: WorkloadName): Workload {
  const all = readWorkloads(file).filter((each) => each.testCase === testCase);
  const found = all.find(({ name }) => name === workload);
  if (found !== undefined) return found;
  throw new Error(`${file} has no ${testCase}/${workload}, but ${all.map(({ name }) => name).join(', ') || 'nothing'}`);
}
