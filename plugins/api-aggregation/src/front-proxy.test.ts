import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { certificatesOf, isBelieved, isSignedBy } from '@timonel/sdk/pki';
import { FrontProxyKeeper, type FrontProxy } from './front-proxy.ts';
import { bundleWith } from './publish.ts';

const real = createRealEnv();
const dayMs = 86_400_000;
let directory: string;
let aheadMs: number;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'front-proxy-'));
  aheadMs = 0;
});
afterEach(() => rm(directory, { recursive: true }));

const nowMs = (): number => real.clock.now() + aheadMs;
function env(): Env {
  const clock = Object.create(real.clock, { now: { value: nowMs } }) as Env['clock'];
  return { ...real, clock };
}
/** As a server keeps it that was started just now. */
const kept = (): Promise<FrontProxy> => new FrontProxyKeeper(env(), directory).get();

it('an authority is replaced in time, and what was published a day ago vouches for each certificate', async () => {
  const first = await kept();
  expect(certificatesOf(first.authorityPem)).toHaveLength(1);
  let published = bundleWith('', first.authorityPem, nowMs());
  for (
    ;
    aheadMs < 12 * 365 * dayMs;
    aheadMs += aheadMs > 7.9 * 365 * dayMs && aheadMs < 8.1 * 365 * dayMs ? dayMs : 60 * dayMs
  ) {
    const proxy = await kept();
    expect(isBelieved(proxy.client.certificatePem, published, nowMs())).toBe(true);
    expect(await kept()).toEqual(proxy);
    published = bundleWith(published, proxy.authorityPem, nowMs());
  }
  const last = await kept();
  expect(certificatesOf(last.authorityPem)).toHaveLength(1);
  expect(isSignedBy(last.client.certificatePem, first.authorityPem)).toBe(false);
  expect(certificatesOf(published)).toEqual(certificatesOf(last.authorityPem));
  expect((await readdir(directory)).filter((file) => file.startsWith('ca')).toSorted()).toEqual(['ca.crt', 'ca.key']);
});

it('a successor that is announced is believed before it signs', async () => {
  const first = await kept();
  aheadMs = 8.5 * 365 * dayMs;
  const announcing = await kept();
  const [signer = '', next = ''] = certificatesOf(announcing.authorityPem);
  expect(signer).toBe(first.authorityPem);
  expect(isSignedBy(announcing.client.certificatePem, signer)).toBe(true);
  aheadMs += 2 * dayMs;
  const replaced = await kept();
  expect(certificatesOf(replaced.authorityPem)).toEqual([next, signer]);
  expect(isSignedBy(replaced.client.certificatePem, next)).toBe(true);
});
