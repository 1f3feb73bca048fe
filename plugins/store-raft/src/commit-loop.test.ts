import { describe, expect, it } from '@jest/globals';
import type { Command } from './command.ts';
import { CommitLoop } from './commit-loop.ts';
import type { LogEntry } from './log/entry.ts';

const noop: Command = { type: 'noop' };

function bed() {
  const trace: string[] = [];
  let index = 0;
  let release: (() => void)[] = [];
  let broken: Error | undefined;
  const loop = new CommitLoop<number>({
    nextEntry: (command): LogEntry => ({ index: ++index, term: 1, command }),
    append: async (entries) => {
      trace.push(`append ${entries.map((entry) => entry.index).join(',')}`);
      await new Promise<void>((resolve) => release.push(resolve));
      if (broken !== undefined) throw broken;
    },
    apply: async (entries) => {
      trace.push(`apply ${entries.map((entry) => entry.index).join(',')}`);
      return entries.map((entry) => entry.index);
    },
    idle: async () => false,
    failed: (error) => error,
  });
  const flush = async (): Promise<void> => {
    while (release.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const all = release;
    release = [];
    for (const done of all) done();
  };
  return { loop, trace, flush, fail: (error: Error) => void (broken = error) };
}

describe('CommitLoop', () => {
  it('flushes once for all that wait, and answers only what is durable and applied', async () => {
    const { loop, trace, flush } = bed();
    const answered: number[] = [];
    const propose = (): Promise<void> => loop.propose(noop, 1).then((index) => void answered.push(index));
    const first = [propose(), propose()];
    await new Promise((resolve) => setImmediate(resolve));
    const second = [propose(), propose(), propose()];
    expect(trace).toEqual(['append 1,2']);
    expect(answered).toEqual([]);
    await flush();
    await Promise.all(first);
    expect(trace).toEqual(['append 1,2', 'append 3,4,5', 'apply 1,2']);
    expect(answered).toEqual([1, 2]);
    await flush();
    await Promise.all(second);
    expect(trace.at(-1)).toBe('apply 3,4,5');
  });

  it('answers nothing after a failed flush, and accepts nothing more', async () => {
    const { loop, trace, flush, fail } = bed();
    const first = loop.propose(noop, 1).catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    const second = loop.propose(noop, 1).catch((error: unknown) => error);
    const error = new Error('disk gone');
    fail(error);
    await flush();
    expect(await first).toBe(error);
    expect(await second).toBe(error);
    await expect(loop.propose(noop, 1)).rejects.toBe(error);
    expect(trace).toEqual(['append 1']);
  });

  it('answers what is under way before it stops', async () => {
    const { loop, flush } = bed();
    const answer = loop.propose(noop, 1);
    const stopping = loop.stop(new Error('stopped'));
    await expect(loop.propose(noop, 1)).rejects.toThrow('stopped');
    await flush();
    expect(await answer).toBe(1);
    await stopping;
  });
});
