import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.ts';

describe('turns', () => {
  it('run one job after the other for each key, also after one that fails', async () => {
    const turns = new Turns();
    const said: string[] = [];
    let finish = (): void => undefined;
    const first = turns.run('a', async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      said.push('a1');
      throw new Error('no');
    });
    const second = turns.run('a', async () => said.push('a2'));
    await turns.run('b', async () => said.push('b'));
    expect(said).toEqual(['b']);
    finish();
    await expect(first).rejects.toThrow('no');
    await second;
    expect(said).toEqual(['b', 'a1', 'a2']);
  });

  it('are idle when all jobs have ended, however they end', async () => {
    const turns = new Turns();
    await turns.idle();
    const said: string[] = [];
    const failed = turns.run('a', () => Promise.reject(new Error('no')));
    void turns.run('a', async () => said.push('a'));
    void turns.run('b', async () => said.push('b'));
    failed.catch(() => undefined);
    await turns.idle();
    expect(said.toSorted()).toEqual(['a', 'b']);
  });
});
