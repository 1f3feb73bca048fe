/** Whether haproxy takes what is written: it must be installed (Debian: apt install haproxy). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@timonel/sdk/command';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import type { Condition, RoutingTable } from '../routing/model.ts';
import { plainOptions, routeTo, upstreamsOf } from '../testing/bed.ts';
import { ConfigFiles } from './config-files.ts';
import { render, type Rendered, type RenderOptions } from './render.ts';

const port = 8080;
const upstreams = upstreamsOf({ one: [{ address: '10.0.0.1', port: 80 }] });
const listeners = [{ port, tls: false, certificates: [] }];

function rendered(table: Partial<RoutingTable>, options: Partial<RenderOptions> = {}): Rendered {
  return render(
    { listeners, upstreams, routes: [], ...table },
    { ...plainOptions, confinement: undefined, ...options },
  );
}

describe('the configuration of haproxy', () => {
  let directory: string;
  let pem: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'render-'));
    const env = createRealEnv();
    const profile = { commonName: 'a.test', names: ['a.test'], usages: ['server'] as const };
    const { certificatePem, keyPem } = await issueIdentity(env, await makeAuthority(env), profile);
    pem = `${certificatePem}\n${keyPem}`;
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** What haproxy has against it. */
  async function complaintOf(configuration: Rendered): Promise<string> {
    const files = new ConfigFiles(directory);
    const file = await files.write('test', configuration, join(directory, 'admin.sock'), () => []);
    const { status, stderr } = await run('haproxy', ['-c', '-f', file]);
    return status === 0 ? '' : stderr;
  }

  it('has matches with as many headers and parameters as the Gateway API lets them have', async () => {
    const of = (on: Condition['on']): Condition[] =>
      Array.from({ length: 16 }, (_, index) => ({ on, name: `n${index}`, value: index === 0 ? '' : 'a b"' }));
    const conditions = [{ on: 'method' as const, name: '', value: 'GET' }, ...of('header'), ...of('query')];
    expect(await complaintOf(rendered({ routes: [routeTo(port, 'one', { conditions })] }))).toBe('');
  });

  it('has certificates for any number of names', async () => {
    const hosts = Array.from(
      { length: 300 },
      (_, index) => `n${index}.${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}`,
    );
    const configuration = rendered({
      listeners: [
        {
          port,
          tls: true,
          certificates: [
            { pem, hosts },
            { pem, hosts: [] },
          ],
        },
      ],
    });
    const lines = configuration.files.get(`${port}.certs`)?.trim().split('\n') ?? [];
    expect(lines.flatMap((line) => line.split(' ').slice(1))).toEqual(hosts);
    expect(lines.at(-1)).toBe(`{dir}/${port}-1.pem`);
    expect(await complaintOf(configuration)).toBe('');
  });

  it('believes any number of proxies', async () => {
    const trustedProxies = Array.from({ length: 256 }, (_, index) => `10.${index}.0.0/16`);
    expect(await complaintOf(rendered({}, { trustedProxies: [...trustedProxies, 'fd00::/8'] }))).toBe('');
  });

  it('has no path that haproxy would read as more than one line', () => {
    const value = `/${'a'.repeat(16_400)}g0/other`;
    expect(() => rendered({ routes: [routeTo(port, 'one', { path: { kind: 'exact', value } })] })).toThrow(
      'a path has more',
    );
  });
});
