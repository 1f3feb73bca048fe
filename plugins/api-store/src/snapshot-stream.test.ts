import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { SnapshotStreams } from './snapshot-stream.ts';

const limits = { concurrent: 2, stallMs: 1000 };

describe('SnapshotStreams', () => {
  const env: SimulatedEnv = createSimulatedEnv({ seed: 1 });
  const open = new Set<number>();
  let made = 0;
  async function* snapshot(pieces = 3): AsyncGenerator<Uint8Array> {
    const id = (made += 1);
    open.add(id);
    try {
      for (let at = 0; at < pieces; at++) yield await Promise.resolve(Buffer.from([at]));
    } finally {
      open.delete(id);
    }
  }
  const bytesOf = async (stream: AsyncIterable<Uint8Array>): Promise<number[]> => {
    const bytes: number[] = [];
    for await (const piece of stream) bytes.push(...piece);
    return bytes;
  };

  it('hands out all of it, and lets the store go', async () => {
    const streams = new SnapshotStreams(env, limits);
    expect(await bytesOf(streams.of(snapshot))).toEqual([0, 1, 2]);
    expect([open.size, env.pendingTimers]).toEqual([0, 0]);
  });

  it('refuses more than so many at a time', async () => {
    const streams = new SnapshotStreams(env, limits);
    const [first, second] = [streams.of(snapshot), streams.of(snapshot)];
    await first.next();
    await second.next();
    await expect(streams.of(snapshot).next()).rejects.toMatchObject({ reason: 'TooManyRequests', code: 429 });
    await first.return(undefined);
    expect(open.size).toBe(1);
    expect(await bytesOf(streams.of(snapshot))).toEqual([0, 1, 2]);
    await second.return(undefined);
    expect([open.size, env.pendingTimers]).toEqual([0, 0]);
  });

  it('lets the store go when the client takes nothing, and never ends as if it were whole', async () => {
    const streams = new SnapshotStreams(env, limits);
    const stream = streams.of(snapshot);
    await stream.next();
    await env.advance(999);
    expect(open.size).toBe(1);
    await env.advance(1);
    expect(open.size).toBe(0);
    await expect(stream.next()).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    expect(env.pendingTimers).toBe(0);
    const slow = streams.of(snapshot);
    for (let at = 0; at < 3; at++) {
      expect((await slow.next()).done).toBe(false);
      await env.advance(900);
    }
    expect((await slow.next()).done).toBe(true);
  });

  it('tells the failure of the store', async () => {
    const streams = new SnapshotStreams(env, limits);
    const failing = streams.of(() => {
      throw new StoreError('STOPPED', 'the store was stopped');
    });
    await expect(failing.next()).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: 'the store was stopped',
    });
    expect(await bytesOf(streams.of(snapshot))).toEqual([0, 1, 2]);
  });
});
