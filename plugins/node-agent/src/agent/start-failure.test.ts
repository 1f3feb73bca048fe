import { describe, expect, it } from '@jest/globals';
import type { StartFailure } from '../plan/view.ts';
import { startFailure } from './start-failure.ts';

/** Delays after failures of these reasons, one after the other. */
function delays(...reasons: readonly string[]): number[] {
  let last: StartFailure | undefined;
  return reasons.map((reason) => {
    last = startFailure({ ok: false, reason, error: new Error('why') }, last, 1000);
    expect(last).toMatchObject({ reason, message: 'why', failedAt: 1000, retryAt: 1000 + last.delayMs });
    return last.delayMs;
  });
}

const times = (count: number, reason: string): string[] => Array.from({ length: count }, () => reason);

describe('a container that could not start', () => {
  it('is tried again soon when a volume is not to be had, later each time up to two minutes', () => {
    const mount = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 122_000, 122_000];
    expect(delays(...times(10, 'FailedMount'))).toEqual(mount);
    expect(delays('ErrImagePull', 'FailedMount')).toEqual([10_000, 500]);
  });

  it('is tried again after the same time when its configuration is wrong', () => {
    expect(delays(...times(3, 'CreateContainerConfigError'))).toEqual([10_000, 10_000, 10_000]);
  });

  it('is tried again later each time otherwise, images apart from the rest', () => {
    expect(delays(...times(7, 'ErrImagePull'))).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    expect(delays('ErrImagePull', 'RunContainerError', 'RunContainerError')).toEqual([10_000, 10_000, 20_000]);
  });
});
