import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import {
  bundleOf,
  certificatesOf,
  keepMasterKey,
  makeAuthority,
  makeSuccessor,
  readAuthorities,
  writeAuthority,
  type Identity,
  type Successor,
} from '@timonel/sdk/pki';
import { configSchema } from './config.ts';
import { Keeper } from './keeper.ts';
import { begin, issue, settle, stableState, type AuthorityState, type KeySeal } from './state.ts';
import { keySeal, readState, writeState } from './state-store.ts';

const env = createRealEnv();
const nowMs = env.clock.now();
const later = (ms: number): Env => ({ ...env, clock: { ...env.clock, now: () => env.clock.now() + ms } });
const logged: object[] = [];
const note = (fields: object): void => void logged.push(fields);
const log = { debug: note, info: note, warn: note, error: note } as never;

/** Says how many calls are under way at once. */
class FakeStore {
  readonly #kvs = new Map<string, { key: string; value: Uint8Array; modRevision: number }>();
  #revision = 0;
  #running = 0;
  most = 0;

  async #call<T>(answer: () => T): Promise<T> {
    this.#running += 1;
    this.most = Math.max(this.most, this.#running);
    await new Promise((resolve) => setImmediate(resolve));
    this.#running -= 1;
    return answer();
  }

  get = (key: string) => this.#call(() => ({ kv: this.#kvs.get(key), revision: this.#revision }));

  range = ({ prefix }: { prefix: string }) =>
    this.#call(() => ({ kvs: [...this.#kvs.values()].filter(({ key }) => key.startsWith(prefix)) }));

  txn = (request: {
    compare: readonly { key: string; modRevision: number }[];
    success: readonly { key: string; value: Uint8Array }[];
  }) =>
    this.#call(() => {
      const { compare, success } = request;
      const succeeded = compare.every(({ key, modRevision }) => (this.#kvs.get(key)?.modRevision ?? 0) === modRevision);
      if (succeeded) {
        this.#revision += 1;
        for (const { key, value } of success) this.#kvs.set(key, { key, value, modRevision: this.#revision });
      }
      return { succeeded };
    });
}

let first: Identity;
let second: Successor;
let directory: string;
let store: FakeStore;
let keeper: Keeper;
let seal: KeySeal;

beforeAll(async () => {
  first = await makeAuthority(env);
  second = await makeSuccessor(later(60_000), first);
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-keeper-'));
  await write(first);
  seal = keySeal(await keepMasterKey(env, directory), env);
  store = new FakeStore();
  keeper = new Keeper({
    store: store as never,
    env,
    log,
    config: { ...configSchema.parse({}), pkiDirectory: directory },
    leads: () => false,
    nodes: () => Promise.resolve([]),
  });
  logged.length = 0;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const pems = (...of: readonly Identity[]): string => bundleOf(...of.map(({ certificatePem }) => certificatePem));
const write = (signer: Identity, others: readonly Identity[] = [], succession = ''): Promise<boolean> =>
  writeAuthority(directory, { bundle: pems(signer, ...others), keyPem: signer.keyPem, succession });
const put = async (state: AuthorityState): Promise<void> => {
  expect(await writeState(store as never, await readState(store as never), state)).toBe(true);
};
const state = async (): Promise<AuthorityState | undefined> => (await readState(store as never)).state;
const stable = (): AuthorityState => stableState(first, '', nowMs, seal);
const trust = (): AuthorityState => begin(stable(), second, { nowMs, hasty: false, reason: 'a test' }, seal);

describe('a server that made an authority of its own', () => {
  it('takes that of the cluster, however new its own is', async () => {
    const stored = settle(issue(trust(), nowMs), nowMs);
    await put(stored);
    await write(await makeAuthority(later(120_000)));
    await keeper.look();
    expect(await state()).toEqual(stored);
    expect(await readAuthorities(directory)).toBe(pems(second.authority));
  });
});

describe('an older store that was restored', () => {
  it('does not take the former authority away from those who have certificates of it', async () => {
    await put(stable());
    await write(second.authority, [first], second.linkPem);
    for (let looks = 0; looks < 3; looks++) await keeper.look();
    expect(await readAuthorities(directory)).toBe(pems(second.authority, first));
    expect(await state()).toMatchObject({ phase: 'issue', other: first.certificatePem });
  });

  it('is told of the replacement when it is of a time before anything was noted', async () => {
    await write(second.authority, [first], second.linkPem);
    for (let looks = 0; looks < 2; looks++) await keeper.look();
    expect(await state()).toMatchObject({ phase: 'issue', other: first.certificatePem });
  });

  it('of the time before the new one signed does not bring a retired authority back', async () => {
    await put(trust());
    await write(second.authority, [], second.linkPem);
    for (let looks = 0; looks < 2; looks++) await keeper.look();
    expect(await readAuthorities(directory)).toBe(pems(second.authority));
    expect(await state()).toMatchObject({ phase: 'stable', signer: second.authority.certificatePem });
  });
});

describe('the files of a server', () => {
  it('hold what the state says and nothing else: the log names what somebody has added', async () => {
    const stranger = await makeAuthority(env, { commonName: 'by-hand' });
    await put(trust());
    await write(first, [stranger]);
    await keeper.look();
    expect(await readAuthorities(directory)).toBe(pems(first, second.authority));
    expect(logged).toContainEqual(
      expect.objectContaining({ dropped: [expect.objectContaining({ commonName: 'by-hand' })] }),
    );
  });

  it('have one writer at a time, and who fails holds nobody up', async () => {
    const asked = [keeper.look(), keeper.rotate('a test', true), keeper.look(), keeper.rotate('once more', true)];
    const outcomes = await Promise.allSettled([...asked, keeper.look()]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[3]).toMatchObject({ reason: { reason: 'Conflict' } });
    expect(certificatesOf((await readAuthorities(directory)) ?? '')).toHaveLength(2);
    expect(store.most).toBe(1);
  });
});
