import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { countingEnv, until } from '@timonel/testkit';
import type { Message } from '../raft/index.ts';
import { connected, Fixture, logged, opened, realEnv, type TestMember } from './testing/fixture.ts';
import { createTlsTransport } from './tls-transport.ts';

let fixture: Fixture;

beforeEach(async () => {
  fixture = await Fixture.open();
});
afterEach(async () => {
  await fixture.dispose();
});

function heartbeat(from: TestMember, to: string, round: number): Message {
  return { type: 'heartbeatRequest', from: from.id, to, term: 1, commit: 0, round };
}

function rounds({ messages }: TestMember): readonly number[] {
  return messages.map((message) => ('round' in message ? message.round : -1));
}

/** Sockets and what is under way on them; of the other handles some are the test runner's, and timers are counted by themselves. */
function handles(): string {
  return process
    .getActiveResourcesInfo()
    .filter((resource) => /TCP|TLS|Write|Shutdown|Connect|AddrInfo/.test(resource))
    .join();
}

async function pair(): Promise<readonly [TestMember, TestMember]> {
  return (await fixture.group(['a', 'b'])) as [TestMember, TestMember];
}

describe('members that know each other', () => {
  it('exchange messages in both directions, in order, entries and all', async () => {
    const [a, b] = await pair();
    const entries = [1, 2, 3].map((index) => ({
      type: 'command' as const,
      index,
      term: 1,
      id: { session: 1, sequence: index, floor: 1 },
      data: Buffer.from(`entry ${index}`),
    }));
    const request: Message = {
      type: 'appendRequest',
      from: 'a',
      to: 'b',
      term: 1,
      prevIndex: 0,
      prevTerm: 0,
      entries,
      commit: 0,
      round: 0,
    };
    expect(a.transport.send(request)).toBe(true);
    for (let round = 1; round <= 200; round++) expect(a.transport.send(heartbeat(a, 'b', round))).toBe(true);
    expect(b.transport.send(heartbeat(b, 'a', 7))).toBe(true);
    await until(() => b.messages.length === 201 && a.messages.length === 1, { what: 'all messages' });
    expect(b.messages[0]).toEqual(request);
    expect(rounds(b)).toEqual(Array.from({ length: 201 }, (_, at) => at));
    expect(a.messages).toEqual([heartbeat(b, 'a', 7)]);
  });

  it('reach each of two others', async () => {
    const members = await fixture.group(['a', 'b', 'c']);
    for (const from of members) {
      for (const to of members) if (to !== from) expect(from.transport.send(heartbeat(from, to.id, 1))).toBe(true);
    }
    for (const to of members) {
      await until(() => to.messages.length === 2, { what: `two messages at ${to.id}` });
      expect(to.messages.map(({ from }) => from).sort()).toEqual(['a', 'b', 'c'].filter((id) => id !== to.id));
    }
  });

  it('take up again when one of them comes back', async () => {
    const [a, b] = await pair();
    const port = Number(b.address.split(':')[1]);
    await b.transport.close();
    await until(() => a.unreachable.includes('b'), { what: 'a to hear that b is gone' });
    expect(a.transport.send(heartbeat(a, 'b', 1))).toBe(false);
    const again = await fixture.member('b', { port });
    await until(() => a.transport.send(heartbeat(a, 'b', 2)), { what: 'a connection to b' });
    await until(() => again.messages.length > 0, { what: 'a message at b' });
    expect(rounds(again)).toEqual([2]);
    // And b answers without knowing where a is.
    expect(again.transport.send(heartbeat(again, 'a', 3))).toBe(true);
    await until(() => rounds(a).includes(3), { what: 'an answer of b' });
  });

  it('are left alone when they are peers no more, and dialled at their new address', async () => {
    const [a, b] = await pair();
    a.transport.setPeers({ a: a.address });
    await until(() => b.unreachable.includes('a'), { what: 'b to lose a' });
    const before = opened(a, 'outgoing');
    const proxy = await fixture.proxy(b.address);
    a.transport.setPeers({ a: a.address, b: proxy.address });
    await connected(a, 'outgoing', before + 1);
    a.transport.setPeers({ a: a.address, b: 'nonsense' });
    await until(() => a.log.lines.some(({ message }) => message.includes('not HOST:PORT')), { what: 'a warning' });
  });
});

describe('what cannot be sent', () => {
  it('is dropped, and told once in a turn, not within send', async () => {
    const a = await fixture.member('a');
    for (let round = 0; round < 10; round++) expect(a.transport.send(heartbeat(a, 'b', round))).toBe(false);
    expect(a.unreachable).toEqual([]);
    await until(() => a.unreachable.length > 0, { what: 'b to be called unreachable' });
    expect(a.unreachable).toEqual(['b']);
  });

  it('is what breaks the protocol: it is logged, and the connection stays', async () => {
    const [a, b] = await pair();
    expect(a.transport.send({ ...heartbeat(a, 'b', 1), term: -1 })).toBe(false);
    expect(a.transport.send({ ...heartbeat(a, 'b', 1), from: 'c' })).toBe(false);
    await logged(a.log, 'whole number');
    await logged(a.log, 'not ours');
    expect(a.transport.send(heartbeat(a, 'b', 2))).toBe(true);
    await until(() => b.messages.length > 0, { what: 'a message at b' });
    expect(rounds(b)).toEqual([2]);
  });

  it('is more than the queue holds while the peer does not read; heartbeats pass waiting pieces of a snapshot', async () => {
    const limits = { queueBytes: 8 * 1024 * 1024, queueMessages: 100, silenceMs: 60_000 };
    const a = await fixture.member('a', { limits });
    const b = await fixture.member('b', { limits });
    const proxy = await fixture.proxy(b.address);
    a.transport.setPeers({ b: proxy.address });
    await connected(a, 'outgoing', 1);
    proxy.pause();
    const configuration = { voters: ['a'], outgoing: [], learners: ['b'], addresses: {} };
    const snapshot = { id: 's', index: 1, term: 1, sizeBytes: 1 << 30, configuration };
    const data = Buffer.alloc(256 * 1024);
    const send = (piece: number): boolean =>
      a.transport.send({
        type: 'snapshotRequest',
        from: 'a',
        to: 'b',
        term: 1,
        snapshot,
        offset: piece * data.length,
        data,
        last: false,
      });
    // The network itself takes some: go on until the queue is full and stays so.
    let sent = 0;
    let refusedInARow = 0;
    await until(
      () => {
        if (send(sent)) {
          sent++;
          refusedInARow = 0;
          return false;
        }
        return ++refusedInARow >= 20;
      },
      { what: 'the queue to be full', timeoutMs: 20_000, intervalMs: 1 },
    );
    expect(a.unreachable).toContain('b');
    expect(sent).toBeGreaterThanOrEqual(8 * 4 - 1);
    expect(a.transport.send(heartbeat(a, 'b', 1))).toBe(true);
    proxy.resume();
    await until(() => b.messages.length === sent + 1, { what: 'everything at b', timeoutMs: 20_000 });
    const offsets = b.messages.flatMap((message) => (message.type === 'snapshotRequest' ? [message.offset] : []));
    expect(offsets).toEqual(Array.from({ length: sent }, (_, at) => at * data.length));
    const position = b.messages.findIndex(({ type }) => type === 'heartbeatRequest');
    expect(position).toBeLessThan(sent - 16);
  });

  it('is more messages than the queue takes in one turn', async () => {
    const [a, b] = (await fixture.group(['a', 'b'], { limits: { queueMessages: 50 } })) as [TestMember, TestMember];
    const sent = Array.from({ length: 80 }, (_, round) => a.transport.send(heartbeat(a, 'b', round)));
    expect(sent.filter(Boolean)).toHaveLength(50);
    await until(() => a.unreachable.length === 1 && b.messages.length >= 50, { what: 'the first fifty' });
    expect(rounds(b)).toEqual(Array.from({ length: 50 }, (_, at) => at));
    expect(a.transport.send(heartbeat(a, 'b', 99))).toBe(true);
  });
});

describe('a transport', () => {
  it('that is closed leaves nothing behind, and sends what was queued', async () => {
    await until(() => handles() === '', { what: 'the sockets of other tests to be gone' });
    const env = countingEnv(realEnv);
    const [a, b] = (await fixture.group(['a', 'b'], { env, limits: { closeMs: 60_000 } })) as [TestMember, TestMember];
    b.onCall = () => new Promise(() => undefined);
    expect(handles()).toContain('TCP');
    // One that is dialled in vain, and one that waits for an answer.
    a.transport.setPeers({ b: b.address, c: '127.0.0.1:1' });
    const waiting = a.transport.call('b', 'never', {}, 60_000);
    const failed = expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    for (let round = 0; round < 100; round++) a.transport.send(heartbeat(a, 'b', round));
    await a.transport.close();
    await failed;
    expect(a.transport.send(heartbeat(a, 'b', 1))).toBe(false);
    await until(() => b.messages.length === 100, { what: 'the last messages' });
    await Promise.all([a.transport.close(), b.transport.close()]);
    expect(env.runningTimers).toBe(0);
    await until(() => handles() === '', { what: 'no handle to be left' });
    expect(a.unreachable).toEqual([]);
  });

  it('closes soon although the other side does not answer', async () => {
    const a = await fixture.member('a', { limits: { silenceMs: 60_000, closeMs: 100 } });
    const b = await fixture.member('b', { limits: { silenceMs: 60_000, closeMs: 100 } });
    const proxy = await fixture.proxy(b.address);
    a.transport.setPeers({ b: proxy.address });
    await connected(a, 'outgoing', 1);
    proxy.blackhole = true;
    const began = performance.now();
    await a.transport.close();
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('says what is in the way of its start', async () => {
    const a = await fixture.member('a');
    const port = Number(a.address.split(':')[1]);
    await expect(fixture.member('b', { port })).rejects.toThrow(`127.0.0.1:${port}: something else does`);
    const options = await fixture.options('c');
    const handlers = { onMessage: () => undefined, onCall: async () => undefined, onUnreachable: () => undefined };
    await expect(createTlsTransport({ ...options, memberId: 'd' }).start(handlers)).rejects.toThrow(
      'is not the certificate of member d: its common name (CN) is c, not d',
    );
    const tls = { ...options.tls, keyFile: (await fixture.options('e')).tls.keyFile };
    await expect(createTlsTransport({ ...options, tls }).start(handlers)).rejects.toThrow(
      'no certificate with its key',
    );
    await expect(
      createTlsTransport({ ...options, tls: { ...tls, caFile: '/nowhere' } }).start(handlers),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('outlives a handler that throws', async () => {
    const [a, b] = await pair();
    b.onMessage = () => {
      throw new Error('the handler is broken');
    };
    a.transport.send(heartbeat(a, 'b', 1));
    await logged(b.log, 'the handler is broken');
    expect(a.transport.send(heartbeat(a, 'b', 2))).toBe(true);
    expect(opened(a, 'outgoing')).toBe(1);
  });
});
