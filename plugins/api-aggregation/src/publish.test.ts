import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { makeAuthority } from '@timonel/sdk/pki';
import { bundleWith, publishedData } from './publish.ts';

const env = createRealEnv();
const nowMs = env.clock.now();
const pems: string[] = [];

beforeAll(async () => {
  for (let count = 0; count < 22; count += 1) pems.push((await makeAuthority(env)).certificatePem.trim());
});

describe('the bundle of authorities', () => {
  it('holds those of all masters, each once, and is left as it is by whoever is in it', () => {
    const [a = '', b = ''] = pems;
    const both = bundleWith(bundleWith('', a, nowMs), b, nowMs);
    expect(both).toBe(`${a}\n${b}\n`);
    expect(bundleWith(both, a, nowMs)).toBe(both);
    expect(bundleWith(`${both}${both}`, b, nowMs)).toBe(both);
  });

  it('drops what has expired or is no certificate', () => {
    const [a = '', b = ''] = pems;
    const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(bundleWith(`${garbage}${a}\n`, b, nowMs)).toBe(`${a}\n${b}\n`);
    expect(bundleWith(`${a}\n`, b, nowMs + 20 * 365 * 24 * 3600_000)).toBe(`${b}\n`);
  });

  it('is bounded, and never without its own', () => {
    let bundle = '';
    for (const pem of pems) bundle = bundleWith(bundle, pem, nowMs);
    expect(bundle).toBe(`${pems.slice(2).join('\n')}\n`);
    const [first = ''] = pems;
    expect(
      bundleWith(`${pems.join('\n')}\n`, first, nowMs)
        .trim()
        .endsWith(first),
    ).toBe(true);
  });

  it('stands beside what others wrote', () => {
    const data = publishedData({ mine: '1' }, { clients: 'PEM', proxy: pems[0] ?? '' }, nowMs);
    expect(data).toMatchObject({ mine: '1', 'client-ca-file': 'PEM' });
  });
});
