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
    for (const kind of [/^writeFile data\/sandboxes/, /^job sandbox/, /^job container/, /^writeFile data\/containers/])
      expect(steps).toContainEqual(expect.stringMatching(kind));
    for (const kind of [/^open run\/.*control/, /^rename data\/trash/, /^job remove/, /^job recycle/, /^rmdir cgroup/])
      expect(steps).toContainEqual(expect.stringMatching(kind));
  });
});
