import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { BackOff } from './back-off.ts';

describe('what fails again and again', () => {
  it('is tried less and less often, but at once by another and after a success', async () => {
    const env = manualEnv();
    const backOff = new BackOff(env.clock);
    const [first, second] = [{}, {}];
    let tries = 0;
    const failing = (by: object): Promise<void> =>
      backOff.run('v', by, async () => {
        tries += 1;
        throw new Error(`failure ${tries}`);
      });
    await expect(failing(first)).rejects.toThrow('failure 1');
    await expect(failing(first)).rejects.toThrow('failure 1');
    await env.advance(500);
    await expect(failing(first)).rejects.toThrow('failure 2');
    await env.advance(999);
    await expect(failing(first)).rejects.toThrow('failure 2');
    await expect(failing(second)).rejects.toThrow('failure 3');
    await env.advance(500);
    await backOff.run('v', second, async () => undefined);
    await expect(failing(second)).rejects.toThrow('failure 4');
  });
});
