/** A link that swallows everything without a word, and a peer that only seems to be silent. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import type { Message } from '../raft/index.ts';
import { connected, Fixture, logged, opened, type TestMember } from './testing/fixture.ts';

let fixture: Fixture;

beforeEach(async () => {
  fixture = await Fixture.open();
});
afterEach(async () => {
  await fixture.dispose();
});

const heartbeat: Message = { type: 'heartbeatRequest', from: 'a', to: 'b', term: 1, commit: 0, round: 1 };
const silenceMs = 400;

describe('a half-open connection', () => {
  it('is found by both ends, and replaced when the link is back', async () => {
    const a = await fixture.member('a', { limits: { silenceMs, handshakeMs: 1000 } });
    const b = await fixture.member('b', { limits: { silenceMs, handshakeMs: 1000 } });
    const proxy = await fixture.proxy(b.address);
    a.transport.setPeers({ b: proxy.address });
    await connected(a, 'outgoing', 1);
    await connected(b, 'incoming', 1);
    // Idle for longer than the limit: pings keep it, four in that time and in each direction.
    const before = proxy.chunks;
    await until(() => proxy.chunks >= before + 20, { what: 'pings for longer than the silence that is allowed' });
    expect(opened(a, 'outgoing')).toBe(1);
    expect(a.transport.send(heartbeat)).toBe(true);
    await until(() => b.messages.length === 1, { what: 'the first message' });
    expect(a.unreachable).toEqual([]);
    proxy.blackhole = true;
    const began = performance.now();
    await until(() => a.unreachable.length > 0 && b.unreachable.length > 0, { what: 'both ends to notice' });
    // A slow machine notices late, a wrong clock never.
    expect(performance.now() - began).toBeLessThan(silenceMs * 10);
    await logged(a.log, `nothing came from it for ${silenceMs} ms`);
    expect(a.transport.send(heartbeat)).toBe(false);
    proxy.blackhole = false;
    await connected(a, 'outgoing', 2);
    expect(a.transport.send(heartbeat)).toBe(true);
    await until(() => b.messages.length === 2, { what: 'the messages' });
  });

  it('is not seen where this process only was busy itself', async () => {
    const [a, b] = (await fixture.group(['a', 'b'], { limits: { silenceMs } })) as [TestMember, TestMember];
    b.onCall = async () => 'here';
    const busyUntil = performance.now() + silenceMs * 3;
    while (performance.now() < busyUntil) Math.sqrt(2);
    // All timers that are due run before the answer comes.
    expect(await a.transport.call('b', 'any', {}, 20_000)).toBe('here');
    for (const member of [a, b]) {
      expect(member.unreachable).toEqual([]);
      expect(opened(member, 'outgoing')).toBe(1);
    }
  });
});
