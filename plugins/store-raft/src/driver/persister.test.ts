import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';
import { silentLogger } from '../../test/silent-logger.ts';
import type { LogWrite, RaftLogFile } from '../log/types.ts';
import type { Entry, LogBase, Ready } from '../raft/index.ts';
import { Persister } from './persister.ts';
import { noSpace } from './testing/driver-bed.ts';

const nothing = { messages: [], committed: [], reads: [], refused: [], snapshotReads: [], snapshotChunks: [] };

function ready(persistId: number | undefined, index?: number, compactedTo?: LogBase): Ready {
  const entries: Entry[] = index === undefined ? [] : [{ type: 'noop', index, term: 1 }];
  return { ...nothing, persistId, hardState: undefined, entries, softState: undefined, compactedTo };
}

const base = (index: number): LogBase => ({
  index,
  term: 1,
  configuration: { voters: ['a'], outgoing: [], learners: [], addresses: {} },
});

interface Call {
  readonly what: string;
  resolve(): void;
  reject(error: unknown): void;
}

/** A log whose calls end when the test says so. */
class FakeLog implements Pick<RaftLogFile, 'append' | 'reset' | 'dropUpTo'> {
  readonly calls: Call[] = [];

  append(writes: readonly LogWrite[]): Promise<void> {
    return this.#call(`append ${writes.flatMap(({ entries }) => entries.map(({ index }) => index)).join(',')}`);
  }
  reset({ index }: LogBase): Promise<void> {
    return this.#call(`reset ${index}`);
  }
  dropUpTo({ index }: LogBase): Promise<void> {
    return this.#call(`drop ${index}`);
  }
  /** The oldest call that has not ended. */
  next(): Call {
    const call = this.calls.shift();
    if (call === undefined) throw new Error('nothing was called');
    return call;
  }
  #call(what: string): Promise<void> {
    return new Promise((resolve, reject) => this.calls.push({ what, resolve, reject }));
  }
}

interface Bed {
  readonly env: SimulatedEnv;
  readonly file: FakeLog;
  readonly persister: Persister;
  readonly events: unknown[];
}

function bed(): Bed {
  const env = createSimulatedEnv({ seed: 1 });
  const file = new FakeLog();
  const events: unknown[] = [];
  const persister: Persister = new Persister({
    env,
    log: silentLogger,
    file: file as unknown as RaftLogFile,
    persisted: (id) => events.push({ persisted: id, busy: persister.busy }),
    full: (full) => events.push({ full }),
    failed: (error) => events.push({ failed: (error as Error).message }),
  });
  return { env, file, persister, events };
}

describe('Persister', () => {
  it('gathers what comes during a write into the next one, and is free when it tells', async () => {
    const { env, file, persister, events } = bed();
    persister.add(ready(1, 1));
    persister.add(ready(2, 2));
    persister.add(ready(3, 3));
    expect(persister.busy).toBe(true);
    const first = file.next();
    expect(first.what).toBe('append 1');
    first.resolve();
    await env.settle();
    expect(events).toEqual([{ persisted: 1, busy: false }]);
    const second = file.next();
    expect(second.what).toBe('append 2,3');
    second.resolve();
    await env.settle();
    expect(events.at(-1)).toEqual({ persisted: 3, busy: false });
    expect(persister.busy).toBe(false);
  });

  it('writes all that came before a reset, and nothing beside it', async () => {
    const { env, file, persister, events } = bed();
    persister.add(ready(1, 1));
    persister.add(ready(2, 2));
    persister.add(ready(undefined, undefined, base(1)));
    let idle: boolean | undefined;
    void persister.idle().then((done) => (idle = done));
    for (const what of ['append 1', 'drop 1', 'append 2']) {
      expect(idle).toBeUndefined();
      const call = file.next();
      expect(call.what).toBe(what);
      call.resolve();
      await env.settle();
    }
    expect(idle).toBe(true);
    const reset = persister.reset(base(9));
    persister.add(ready(3));
    const call = file.next();
    expect(call.what).toBe('reset 9');
    await env.settle();
    expect(file.calls).toEqual([]);
    call.resolve();
    expect(await reset).toBe(true);
    file.next().resolve();
    await env.settle();
    expect(events.at(-1)).toEqual({ persisted: 3, busy: false });
  });

  it('tries again on a full disk, tells once of it and once of its end', async () => {
    const { env, file, persister, events } = bed();
    persister.add(ready(1, 1));
    for (let tries = 0; tries < 3; tries++) {
      file.next().reject(noSpace());
      await env.advance(250);
    }
    file.next().resolve();
    await env.settle();
    expect(events).toEqual([{ full: true }, { full: false }, { persisted: 1, busy: false }]);
    const reset = persister.reset(base(9));
    file.next().reject(noSpace());
    await env.advance(250);
    file.next().resolve();
    expect(await reset).toBe(true);
    expect(events.slice(3)).toEqual([{ full: true }, { full: false }]);
  });

  it('fails once when the log breaks, and writes nothing more', async () => {
    const { env, file, persister, events } = bed();
    persister.add(ready(1, 1));
    persister.add(ready(2, 2));
    file.next().reject(new Error('broken'));
    await env.settle();
    expect(await persister.idle()).toBe(false);
    persister.add(ready(3, 3));
    await env.settle();
    expect(file.calls).toEqual([]);
    expect(events).toEqual([{ failed: 'broken' }]);
  });

  it('is closed at once while the disk is full', async () => {
    const { env, file, persister } = bed();
    persister.add(ready(1, 1));
    file.next().reject(noSpace());
    await env.settle();
    const idle = persister.idle();
    await persister.close();
    expect(await idle).toBe(false);
    expect(env.pendingTimers).toBe(0);
    expect(file.calls).toEqual([]);
  });

  it('goes on when old entries could not be dropped', async () => {
    const { env, file, persister, events } = bed();
    persister.add(ready(1, 1, base(1)));
    const [drop, append] = [file.next(), file.next()];
    expect([drop.what, append.what]).toEqual(['drop 1', 'append 1']);
    drop.reject(noSpace());
    append.resolve();
    await env.settle();
    persister.add(ready(undefined, undefined, base(2)));
    expect(file.next().what).toBe('drop 2');
    expect(events).toEqual([{ persisted: 1, busy: false }]);
  });
});
