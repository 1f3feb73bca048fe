import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { containerdMissing } from '../../../../test/support/containerd/daemon.ts';
import { Bed } from './bed.ts';

/** One containerd for the tests of a file; sandboxes are removed after each. */
export function withBed(): () => Bed {
  let bed: Bed | undefined;
  const get = (): Bed => {
    if (bed === undefined) throw new Error(containerdMissing ?? 'containerd could not be started');
    return bed;
  };
  beforeAll(async () => {
    if (containerdMissing !== undefined) throw new Error(containerdMissing);
    bed = new Bed();
    await bed.open();
  }, 60_000);
  afterEach(() => bed?.removeAll(), 30_000);
  afterAll(() => bed?.close(), 30_000);
  return get;
}
