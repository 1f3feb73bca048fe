import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { timestampOf, type Node } from '@timonel/sdk/kube';
import { makeAuthority, makeSuccessor, readCertificate, type Identity, type Successor } from '@timonel/sdk/pki';
import { configSchema } from './config.ts';
import { decide, joinedNodes, stillOnFormer, type JoinedNode, type Situation } from './decide.ts';
import type { ServerRecord } from './records.ts';
import { begin, filesOf, idOf, issue, parseState, settle, stableState, type AuthorityState } from './state.ts';
import { keySeal } from './state-store.ts';

const env = createRealEnv();
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;
const config = configSchema.parse({});
const seal = keySeal(new Uint8Array(32), env);
const nowMs = env.clock.now();
let authority: Identity;
let next: Successor;
let stable: AuthorityState;
let trust: AuthorityState;
let issuing: AuthorityState;

beforeAll(async () => {
  authority = await makeAuthority(env);
  const { clock } = env;
  next = await makeSuccessor({ ...env, clock: { ...clock, now: () => clock.now() + 60_000 } }, authority);
  stable = stableState(authority, '', nowMs, seal);
  trust = begin(stable, next, { nowMs, hasty: false, reason: 'a test' }, seal);
  issuing = issue(trust, nowMs);
});

const old = (): string => idOf(authority.certificatePem);
const fresh = (): string => idOf(next.authority.certificatePem);
const server = (name: string, trusts: string[], issuer = old(), ageMs = 0, at = nowMs): ServerRecord => ({
  name,
  at: timestampOf(at - ageMs),
  trusts,
  certificates: [{ name: 'peer', issuer, notAfter: timestampOf(nowMs + yearMs) }],
});
const node = (name: string, trusts: string[], issuer = old()): JoinedNode => ({
  name,
  report: { issuer, trusts, notAfter: '2030-01-01T00:00:00Z' },
});
const seen = (state: AuthorityState, laterMs: number, more: Partial<Situation> = {}): Situation => ({
  nowMs: nowMs + laterMs,
  steadyMs: yearMs,
  state,
  servers: [],
  nodes: [],
  config,
  ...more,
});

describe('an authority that nobody replaces yet', () => {
  it('has a successor made after four fifths of its life, by a clock that has been steady', () => {
    expect(decide(seen(stable, 7.9 * yearMs)).step).toBe('none');
    expect(decide(seen(stable, 8.1 * yearMs)).step).toBe('begin');
    expect(decide(seen(stable, 8.1 * yearMs, { steadyMs: hourMs })).step).toBe('none');
    expect(decide(seen(stable, 9.9 * yearMs, { config: { ...config, automatic: false } })).step).toBe('none');
  });
});

describe('a next authority', () => {
  const both = (): string[] => [old(), fresh()];
  it('signs when all servers that are there and all nodes believe it, and not before others had time to ask', () => {
    const servers = (at: number): ServerRecord[] => [
      server('a', both(), old(), 0, at),
      server('b', both(), old(), 0, at),
    ];
    const nodes = [node('n', both())];
    const at = (ms: number, more: Partial<Situation> = {}) =>
      decide(seen(trust, ms, { servers: servers(nowMs + ms), nodes, ...more }));
    expect(at(hourMs).step).toBe('none');
    expect(at(2 * hourMs)).toEqual({ step: 'issue', waitingFor: [] });
    expect(at(2 * hourMs, { steadyMs: hourMs }).step).toBe('none');
    const lags = server('c', [old()], old(), 0, nowMs + 2 * hourMs);
    expect(at(2 * hourMs, { servers: [lags] })).toEqual({
      step: 'none',
      waitingFor: ['server c does not believe it yet'],
    });
    // Away: it believes the new one by the chain when it comes back.
    expect(at(2 * hourMs, { servers: [server('c', [old()])] }).step).toBe('issue');
  });

  it('waits for nodes for a day, also for those that say nothing, and for servers until it is urgent', () => {
    const nodes = [node('n1', [old()]), { name: 'n2', report: undefined }];
    expect(decide(seen(trust, 2 * hourMs, { nodes })).waitingFor).toEqual([
      'node n1 does not believe it yet',
      'node n2 does not believe it yet',
    ]);
    expect(decide(seen(trust, dayMs, { nodes })).step).toBe('issue');
    const lags = (ms: number) => ({ servers: [server('c', [old()], old(), 0, nowMs + ms)] });
    expect(decide(seen(trust, yearMs, lags(yearMs))).step).toBe('none');
    const end = 10 * yearMs - 3 * dayMs;
    expect(decide(seen(trust, end, lags(end))).step).toBe('issue');
  });

  it('signs at once, nearly, when that is wanted', () => {
    const hasty = { ...trust, hasty: true };
    expect(decide(seen(hasty, 20_000)).step).toBe('none');
    expect(decide(seen(hasty, 30_000)).step).toBe('issue');
  });

  it('that begins in the future is given up', () => {
    expect(decide(seen(trust, -2 * dayMs)).step).toBe('abandon');
    const back = settle(trust, nowMs);
    expect(back).toMatchObject({ phase: 'stable', signer: stable.signer, succession: '' });
    expect(back.other ?? back.otherKey).toBeUndefined();
  });
});

describe('a former authority', () => {
  const moved = (): Pick<Situation, 'servers' | 'nodes'> => ({
    servers: [server('a', [fresh(), old()], fresh())],
    nodes: [node('n', [fresh(), old()], fresh())],
  });

  it('is believed for a year, and until nobody has a certificate of it, but not after its own end', () => {
    expect(decide(seen(issuing, 300 * dayMs, moved())).step).toBe('none');
    expect(decide(seen(issuing, yearMs, moved())).step).toBe('retire');
    const nodes = [node('n', [fresh(), old()], old()), { name: 'silent', report: undefined }];
    const waiting = decide(seen(issuing, 2 * yearMs, { ...moved(), nodes }));
    expect(waiting.step).toBe('none');
    expect(waiting.waitingFor.join()).toMatch(/node n has .*node silent has/);
    expect(decide(seen(issuing, 10 * yearMs + dayMs, { ...moved(), nodes })).step).toBe('retire');
    expect(stillOnFormer({ state: issuing, servers: [server('a', [fresh(), old()])], nodes: [] })).toHaveLength(1);
  });

  it('leaves the link to its successor behind, and no key', () => {
    const after = settle(issuing, nowMs);
    expect(after).toMatchObject({ phase: 'stable', succession: next.linkPem });
    expect(JSON.stringify(issuing)).not.toContain(stable.signerKey);
    expect(filesOf(after, seal)).toMatchObject({ keyPem: next.authority.keyPem });
  });
});

describe('the state', () => {
  it('holds no key in the clear, and none that another master key opens', () => {
    const text = JSON.stringify(trust);
    // The first line holds the private part.
    for (const { keyPem } of [authority, next.authority]) expect(text).not.toContain(keyPem.split('\n')[1]);
    expect(parseState(text)).toEqual(trust);
    expect(() => filesOf(trust, keySeal(new Uint8Array(32).fill(1), env))).toThrow('bring back master.key');
    expect(() => parseState('{"version":2}')).toThrow();
  });

  it('is of nodes that joined, others have no certificate of it', () => {
    const named = (name: string, annotations: Record<string, string>): Node => ({
      metadata: { name, annotations },
      spec: {},
    });
    const report = JSON.stringify({ issuer: old(), trusts: [old()], notAfter: '2030-01-01T00:00:00Z' });
    const found = joinedNodes(
      [
        named('a', { key: 'x', 'timonel.dev/certificate': report }),
        named('b', {}),
        named('c', { key: 'x', 'timonel.dev/certificate': '{' }),
      ],
      'key',
    );
    expect(found).toEqual([
      { name: 'a', report: JSON.parse(report) },
      { name: 'c', report: undefined },
    ]);
    expect(readCertificate(authority.certificatePem).publicKeyFingerprint).toBe(old());
  });
});
