import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { apiClient } from '@timonel/sdk/contracts/api';
import { nodeResolver } from '@timonel/sdk/contracts/node';
import { ApiError, type Node } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';
import { addressOf, placeOf } from './node-address.ts';
import { Turnstile } from './turnstile.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonel-remote-'));
const file = (name: string): string => join(directory, name);
const config = { caFile: file('ca'), certFile: file('crt'), keyFile: file('key') };

beforeAll(async () => {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const identity = await issueIdentity(env, authority, { commonName: 'm', usages: ['client'] });
  writeFileSync(config.caFile, authority.certificatePem);
  writeFileSync(config.certFile, identity.certificatePem);
  writeFileSync(config.keyFile, identity.keyPem);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const nodeWith = (address: string, port?: number): Node => ({
  metadata: { name: 'n1' },
  spec: {},
  status: {
    addresses: [{ type: 'InternalIP', address }],
    ...(port === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: port } } }),
  },
});

pluginSuite('node-remote', () => ({
  entry: { definition: plugin, source: 'built-in', config },
  dependencies: [
    fakeService(apiClient, {
      get: async (_type, { name }) => {
        if (name === 'n1') return nodeWith('192.0.2.1', 10_250) as never;
        throw new ApiError('NotFound', `nodes "${name}" not found`);
      },
    }),
  ],
  async load(kernel) {
    const [provider] = kernel.service(nodeResolver).all();
    const found = await provider?.service.resolve('n1');
    expect(found?.nodeName()).toBe('n1');
    expect(await provider?.service.resolve('n2')).toBeUndefined();
  },
}));

describe('the address of a node', () => {
  it('is its InternalIP and the port of its server', () => {
    expect(placeOf(addressOf(nodeWith('192.0.2.1', 10_250)))).toBe('192.0.2.1:10250');
    expect(placeOf(addressOf(nodeWith('fd00::1', 1)))).toBe('[fd00::1]:1');
  });
  it.each([nodeWith('a host name', 1), nodeWith('192.0.2.1'), nodeWith('192.0.2.1', 0)])('is missing: %j', (node) => {
    expect(() => addressOf(node)).toThrow('node "n1" cannot be called');
  });
});

describe('requests under way', () => {
  it('are bounded, and end together', () => {
    const turnstile = new Turnstile(1);
    const reader = new AbortController();
    const pass = turnstile.enter(reader.signal);
    expect(() => turnstile.enter(reader.signal)).toThrow('too many requests');
    pass.done();
    const next = turnstile.enter(reader.signal);
    turnstile.close();
    expect([pass.signal.aborted, next.signal.aborted]).toEqual([false, true]);
  });
});
