import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StoreError } from '@timonel/sdk/contracts/store';
import { Fixture, opened, realEnv, type TestMember } from './testing/fixture.ts';

let fixture: Fixture;

beforeEach(async () => {
  fixture = await Fixture.open();
});
afterEach(async () => {
  await fixture.dispose();
});

async function pair(): Promise<readonly [TestMember, TestMember]> {
  return (await fixture.group(['a', 'b'])) as [TestMember, TestMember];
}

describe('calls', () => {
  it('are answered, many at a time and in any order', async () => {
    const [a, b] = await pair();
    b.onCall = async ({ from, method, payload }) => {
      await realEnv.timers.sleep((payload as number) % 7);
      return { from, method, payload };
    };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => a.transport.call('b', 'echo', at, 20_000)),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, (_, at) => ({ from: 'a', method: 'echo', payload: at })));
    b.onCall = async ({ payload }) => payload;
    const plain = { list: [1, null, true, 'text', 1.5, undefined], bytes: Buffer.from('bytes'), ключ: {} };
    expect(await a.transport.call('b', 'echo', plain, 20_000)).toEqual(plain);
    expect(await a.transport.call('b', 'echo', undefined, 20_000)).toBeUndefined();
  });

  it('fail with the code and message that the other side threw', async () => {
    const [a, b] = await pair();
    const call = (): Promise<unknown> => a.transport.call('b', 'fail', {}, 20_000);
    b.onCall = async () => {
      throw new StoreError('COMPACTED', 'revision 3 is gone', { compactedRevision: 9 });
    };
    await expect(call()).rejects.toMatchObject({
      name: 'StoreError',
      code: 'COMPACTED',
      message: 'revision 3 is gone',
      compactedRevision: 9,
    });
    b.onCall = async () => {
      throw Object.assign(new Error('no such thing'), { code: 'ENOENT' });
    };
    await expect(call()).rejects.toMatchObject({ code: 'ENOENT', message: 'no such thing' });
    b.onCall = async () => {
      throw new TypeError('x'.repeat(100_000));
    };
    await expect(call()).rejects.toThrow(/^x{2000,9000}$/);
    b.onCall = () => {
      throw new Error('at once');
    };
    await expect(call()).rejects.toThrow('at once');
  });

  it('fail with UNAVAILABLE: no connection, no answer in time, connection lost meanwhile', async () => {
    const [a, b] = await pair();
    await expect(a.transport.call('x', 'any', {}, 1000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    let answer: (value: unknown) => void = () => undefined;
    b.onCall = ({ payload }) =>
      payload === 'slow' ? new Promise((resolve) => (answer = resolve)) : Promise.resolve('ok');
    await expect(a.transport.call('b', 'status', 'slow', 50)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'member b did not answer status within 50 ms',
    });
    // The answer that comes too late harms nobody.
    answer('late');
    expect(await a.transport.call('b', 'status', 'fast', 20_000)).toBe('ok');
    const waiting = a.transport.call('b', 'status', 'slow', 60_000);
    const failed = expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await b.transport.close();
    await failed;
  });

  it('are bounded on both sides', async () => {
    const limits = { callsWaiting: 10, callsServed: 4, frameBytes: 4096 };
    const [a, b] = (await fixture.group(['a', 'b'], { limits })) as [TestMember, TestMember];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    b.onCall = async ({ payload }) => {
      await held;
      return payload;
    };
    const calls = Array.from({ length: 11 }, (_, at) => a.transport.call('b', 'hold', at, 20_000));
    const results = Promise.allSettled(calls);
    await expect(calls[10]).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('10 calls'),
    });
    for (const at of [4, 9]) await expect(calls[at]).rejects.toThrow('too many calls');
    release();
    expect((await results).filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    const large = 'x'.repeat(5000);
    await expect(a.transport.call('b', 'large', large, 20_000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    b.onCall = async () => large;
    await expect(a.transport.call('b', 'large', '', 20_000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    b.onCall = async () => new Date();
    await expect(a.transport.call('b', 'date', '', 20_000)).rejects.toThrow('plain data');
    await expect(a.transport.call('b', 'date', new Date(), 20_000)).rejects.toThrow('plain data');
    expect(opened(a, 'outgoing')).toBe(1);
  });
});
