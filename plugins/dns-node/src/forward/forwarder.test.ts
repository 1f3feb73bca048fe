import { afterEach, describe, expect, it } from '@jest/globals';
import { decode, type Answer, type DecodedPacket } from 'dns-packet';
import { createRealEnv } from '@timonel/core/env';
import type { Env } from '@timonel/sdk';
import { edns, queryOf } from '../testing/query.ts';
import { startUpstream, type Reply, type Upstream } from '../testing/upstream.ts';
import { Forwarder, type Forwarded, type ForwarderOptions } from './forwarder.ts';
import { writeRelayed } from './relayed.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** The real env with a clock that a test moves. */
function movedEnv(): { readonly env: Env; readonly advance: (this: void, ms: number) => void } {
  const real = createRealEnv();
  let offset = 0;
  const clock = {
    ...real.clock,
    now: () => real.clock.now() + offset,
    monotonic: () => real.clock.monotonic() + offset,
  };
  return { env: { ...real, clock }, advance: (ms) => void (offset += ms) };
}

async function upstream(reply: (name: string, transport: 'udp' | 'tcp') => Reply | Promise<Reply>): Promise<Upstream> {
  const server = await startUpstream(reply);
  ends.push(() => server.close());
  return server;
}

function forwarder(servers: readonly { readonly port: number }[], more: Partial<ForwarderOptions> = {}): Forwarder {
  const made = new Forwarder({
    env: createRealEnv(),
    servers: () => servers.map(({ port }) => ({ address: '127.0.0.1', port })),
    cache: { entries: 100, bytes: 1e6, positiveSeconds: 30, negativeSeconds: 10 },
    concurrent: 10,
    attemptMs: 250,
    totalMs: 2000,
    ...more,
  });
  ends.push(() => made.stop());
  return made;
}

const a = (name: string, ttl: number, data = '192.0.2.1'): Answer => ({ name, type: 'A', ttl, data });
const www = queryOf('www.example', 'A');

function read(result: unknown, query = www, limit = 512): DecodedPacket {
  const { relayed, ageSeconds } = result as Forwarded;
  return decode(writeRelayed(relayed, query, ageSeconds, limit));
}

describe('Forwarder', () => {
  it('passes an answer on, keeps it for its time to live, and counts that down', async () => {
    const server = await upstream((name) => ({ answers: [a(name, 20)] }));
    const { env, advance } = movedEnv();
    const asking = forwarder([server], { env });
    const upper = queryOf('WWW.Example', 'A', { id: 99 });
    expect(read(await asking.ask(upper), upper)).toMatchObject({
      id: 99,
      questions: [{ name: 'WWW.Example' }],
      answers: [a('www.example', 20)],
    });
    advance(7000);
    expect(read(asking.known(www))).toMatchObject({ id: 4711, answers: [{ ttl: 13, data: '192.0.2.1' }] });
    advance(14_000);
    expect(asking.known(www)).toBeUndefined();
    await asking.ask(www);
    expect(server.asked).toEqual(['A www.example udp', 'A www.example udp']);
  });

  it('keeps that there is nothing as long as the SOA says, and nothing for longer than configured', async () => {
    const soa = (minimum: number): Answer => ({
      name: 'example',
      type: 'SOA',
      ttl: 3600,
      data: { mname: 'ns.example', rname: 'h.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
    });
    const server = await upstream((name) => ({ flags: 3, authorities: [soa(name === 'short' ? 4 : 3000)] }));
    const { env, advance } = movedEnv();
    const asking = forwarder([server], { env });
    const [short, long] = [queryOf('short', 'A'), queryOf('long', 'A')];
    expect(read(await asking.ask(short), short)).toMatchObject({ rcode: 'NXDOMAIN' });
    await asking.ask(long);
    advance(3500);
    expect(asking.known(short)).toBeDefined();
    advance(1000);
    expect(asking.known(short)).toBeUndefined();
    expect(asking.known(long)).toBeDefined();
    advance(6000);
    expect(asking.known(long)).toBeUndefined();
  });

  it('asks over TCP when the answer was cut, and cuts it for clients that want it by datagram', async () => {
    const many = (name: string): Answer[] => Array.from({ length: 60 }, (_, index) => a(name, 60, `192.0.2.${index}`));
    const server = await upstream((name, transport) =>
      transport === 'udp' ? { flags: 0x200 } : { answers: many(name) },
    );
    const result = await forwarder([server]).ask(www);
    expect(server.asked).toEqual(['A www.example udp', 'A www.example tcp']);
    expect(read(result, www, 65_535)).toMatchObject({ flag_tc: false, answers: { length: 60 } });
    expect(read(result)).toMatchObject({ flag_tc: true, answers: [], questions: [{ name: 'www.example' }] });
  });

  it('asks the next server when one is silent, absent or in trouble, and that one first from then on', async () => {
    const silent = await upstream(() => undefined);
    const poor = await upstream(() => ({ flags: 2 }));
    const good = await upstream((name) => ({ answers: [a(name, 0)] }));
    const asking = forwarder([silent, { port: 1 }, poor, good]);
    for (let count = 0; count < 2; count++) expect(read(await asking.ask(www))).toMatchObject({ rcode: 'NOERROR' });
    expect([silent, poor, good].map(({ asked }) => asked.length)).toEqual([1, 1, 2]);
  });

  it('passes the code of servers that are all in trouble on, and says why nobody answered', async () => {
    const poor = await upstream(() => ({ flags: 2 }));
    expect(read(await forwarder([poor]).ask(www))).toMatchObject({ rcode: 'SERVFAIL' });
    expect(await forwarder([{ port: 1 }]).ask(www)).toMatchObject({ failure: expect.stringContaining('ECONNREFUSED') });
    expect(await forwarder([]).ask(www)).toMatchObject({ failure: expect.stringContaining('no server') });
  });

  it('believes neither another id nor another question', async () => {
    const { encode } = await import('dns-packet');
    const forged = (id: number, name: string): Buffer =>
      encode({ type: 'response', id, questions: [{ name, type: 'A' }], answers: [a(name, 60, '203.0.113.6')] });
    const server = await upstream(() => forged(1, 'www.example'));
    expect(await forwarder([server]).ask(www)).toHaveProperty('failure');
    const other = await upstream(() => forged(2, 'evil.example'));
    expect(await forwarder([other]).ask(www)).toHaveProperty('failure');
  });

  it('asks a question once, however many want to know, and refuses more than its bound', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = await upstream(async (name) => {
      await held;
      return { answers: [a(name, 60)] };
    });
    const asking = forwarder([server], { concurrent: 2, attemptMs: 1500 });
    const same = Array.from({ length: 20 }, () => asking.ask(www));
    const second = asking.ask(queryOf('second', 'A'));
    expect(await asking.ask(queryOf('third', 'A'))).toMatchObject({
      failure: '2 questions wait for other servers already',
    });
    release();
    for (const result of await Promise.all(same)) expect(read(result)).toMatchObject({ rcode: 'NOERROR' });
    await second;
    expect(server.asked).toHaveLength(2);
  });

  it('keeps answers with and without EDNS apart', async () => {
    const server = await upstream((name) => ({ answers: [a(name, 60)] }));
    const asking = forwarder([server]);
    const modern = queryOf('www.example', 'A', edns(1232));
    await asking.ask(modern);
    expect(asking.known(modern)).toBeDefined();
    expect(asking.known(www)).toBeUndefined();
  });

  it('holds a bounded number of answers, the last asked for', async () => {
    const server = await upstream((name) => ({ answers: [a(name, 60)] }));
    const asking = forwarder([server], { cache: { entries: 3, bytes: 1e6, positiveSeconds: 30, negativeSeconds: 10 } });
    const queries = ['a', 'b', 'c', 'd'].map((name) => queryOf(name, 'A'));
    for (const query of queries) {
      await asking.ask(query);
      asking.known(queries[0] ?? query);
    }
    expect(queries.map((query) => asking.known(query) !== undefined)).toEqual([true, false, true, true]);
  });
});
