import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { bundleOf, makeAuthority, makeSuccessor, type Identity, type Successor } from '@timonel/sdk/pki';
import { isBehind, stateOfFiles, type LocalFiles } from './restored.ts';
import { begin, issue, settle, stableState, type AuthorityState } from './state.ts';
import { keySeal } from './state-store.ts';

const env = createRealEnv();
const nowMs = env.clock.now();
const yearMs = 365 * 86_400_000;
const later = (ms: number): Env => ({ ...env, clock: { ...env.clock, now: () => env.clock.now() + ms } });
const seal = keySeal(new Uint8Array(32), env);
let first: Identity;
let second: Successor;
let third: Successor;
let stranger: Identity;
let rival: Successor;
let stable: AuthorityState;
let trust: AuthorityState;
let issuing: AuthorityState;

beforeAll(async () => {
  first = await makeAuthority(env);
  second = await makeSuccessor(later(60_000), first);
  third = await makeSuccessor(later(120_000), second.authority);
  stranger = await makeAuthority(later(180_000));
  rival = await makeSuccessor(later(240_000), first);
  stable = stableState(first, '', nowMs, seal);
  trust = begin(stable, second, { nowMs, hasty: false, reason: 'a test' }, seal);
  issuing = issue(trust, nowMs);
});

const files = (signer: Identity, others: readonly Identity[] = [], succession = ''): LocalFiles => ({
  authority: { ...signer, certificatePem: bundleOf(...[signer, ...others].map((one) => one.certificatePem)) },
  succession,
});
const links = (): string => third.linkPem + second.linkPem;

describe('the store is behind the files of a server', () => {
  it('with an authority that the one of the store has vouched for, at once or after others', () => {
    expect(isBehind(stable, files(second.authority, [], second.linkPem), nowMs)).toBe(true);
    expect(isBehind(stable, files(third.authority, [], links()), nowMs)).toBe(true);
    expect(isBehind(trust, files(third.authority, [], third.linkPem), nowMs)).toBe(true);
    expect(isBehind(trust, files(second.authority, [], second.linkPem), nowMs)).toBe(true);
    expect(isBehind(settle(issuing, nowMs), files(third.authority, [], links()), nowMs)).toBe(true);
  });

  it('but not with that of a server that has lost its files, however new it is, nor with a rival', () => {
    for (const state of [stable, trust, issuing, settle(issuing, nowMs)]) {
      expect(isBehind(state, files(stranger), nowMs)).toBe(false);
      expect(isBehind(state, files(stranger, [first, second.authority], second.linkPem), nowMs)).toBe(false);
      expect(isBehind(state, files(first), nowMs)).toBe(false);
    }
    expect(isBehind(issuing, files(rival.authority, [first], rival.linkPem), nowMs)).toBe(false);
    expect(isBehind(undefined, files(stranger, [first]), nowMs)).toBe(false);
  });

  it('with any other, when that of the store is over', () => {
    expect(isBehind(stable, files(stranger), nowMs + 11 * yearMs)).toBe(true);
  });

  it('with one that has replaced another while the store knows of nothing', () => {
    expect(isBehind(undefined, files(second.authority, [first], second.linkPem), nowMs)).toBe(true);
    expect(isBehind(undefined, files(first, [second.authority], second.linkPem), nowMs)).toBe(false);
  });
});

describe('the state that files tell of', () => {
  it('has the former authority that is believed still, and no other', () => {
    const both = files(second.authority, [stranger, first], second.linkPem);
    expect(stateOfFiles(both, nowMs, seal)).toMatchObject({
      phase: 'issue',
      reason: 'an older store was restored',
      signer: second.authority.certificatePem,
      other: first.certificatePem,
    });
    expect(stateOfFiles(both, nowMs + 10.1 * yearMs, seal).phase).toBe('stable');
    expect(stateOfFiles(files(second.authority, [], second.linkPem), nowMs, seal).phase).toBe('stable');
    expect(stateOfFiles(files(first, [second.authority], second.linkPem), nowMs, seal).phase).toBe('stable');
  });
});
