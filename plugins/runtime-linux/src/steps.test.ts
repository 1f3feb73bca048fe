/** SIGKILL to the process of the runtime itself, at each of its steps: a runtime that is opened afterwards repairs, and nothing is left. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repaired, type FaultStep } from '@timonel/testkit/fault-steps';
import { faultTable } from './testing/fault-table.ts';

describe('a runtime that is ended at a step of a pod', () => {
  let table: readonly FaultStep[];
  beforeAll(async () => {
    table = await faultTable();
  }, 120_000);

  it('is repaired, at each of them', () => {
    expect(table.filter(({ outcome }) => outcome !== repaired)).toEqual([]);
  });

  it('has steps of all kinds', () => {
    const steps = table.map(({ step }) => step);
    const kinds = [
      /^before writeFile data\/sandboxes/,
      /^during job sandbox/,
      /^after job container/,
      /^before writeFile data\/containers/,
      /^before open run\/.*control/,
      /^before rename data\/trash/,
      /^during job remove/,
      /^during job recycle/,
      /^before rmdir cgroup/,
    ];
    for (const kind of kinds) expect(steps).toContainEqual(expect.stringMatching(kind));
  });
});
