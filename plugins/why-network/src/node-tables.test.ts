import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { Many, OptionalRef } from '@timonel/sdk';
import type { NetworkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import type { NodeEndpoint, NodeNetworkState, NodeResolver } from '@timonel/sdk/contracts/node';
import type { ServiceProxy } from '@timonel/sdk/contracts/proxy';
import { tablesOf, type TableSources, type Versions } from './node-tables.ts';

const env = createSimulatedEnv({ seed: 1 });
const many = <T>(...services: Partial<T>[]): Many<T> => ({
  all: () => services.map((service) => ({ plugin: 'p', service: service as T })),
  onChange: () => undefined,
});
const one = <T>(service?: Partial<T>): OptionalRef<T> => ({
  current: service as T | undefined,
  onChange: () => undefined,
});
const status = { implementation: 'x', rules: 1, backends: 1, lastSyncAt: 7, lastError: undefined };

function sources(there?: () => Promise<NodeNetworkState>, versions?: Versions): TableSources {
  const proxy = { status: async () => ({ ...status, ...(versions === undefined ? {} : { versions }) }) };
  return {
    env,
    proxy: one<ServiceProxy>(proxy),
    policies: one<NetworkPolicyEnforcer>(),
    here: many<NodeEndpoint>({ nodeName: () => 'n1' }),
    resolvers: many<NodeResolver>({
      resolve: async (name) =>
        name === 'n2' && there !== undefined ? ({ network: there } as NodeEndpoint) : undefined,
    }),
  };
}

describe('what nodes have in force', () => {
  it('is asked of this process for its own node, and of the node for others', async () => {
    const there = async (): Promise<NodeNetworkState> => ({
      policies: { implementation: 'y', isolatedPods: 0, policies: 0, lastSyncAt: 8, lastError: 'no memory' },
    });
    expect(await tablesOf('n1', undefined, sources(there))).toEqual({
      node: 'n1',
      ready: false,
      proxy: { implementation: 'x', lastSyncAt: 7 },
    });
    expect(await tablesOf('n2', undefined, sources(there))).toEqual({
      node: 'n2',
      ready: false,
      policies: { implementation: 'y', lastSyncAt: 8, lastError: 'no memory' },
    });
  });

  it('is compared with what the API has now', async () => {
    const proxyOf = async (wanted: Versions, versions: Versions) =>
      (await tablesOf('n1', undefined, sources(undefined, versions), wanted)).proxy?.current;
    expect(await proxyOf({ services: '10', pods: '99' }, { services: '10' })).toBe(true);
    expect(await proxyOf({ services: '10' }, { services: '9' })).toBe(false);
    // It has seen nothing of the API yet.
    expect(await proxyOf({ services: '10' }, {})).toBeUndefined();
  });

  it('is not known of a node that nobody can ask, that fails, or that says nothing in time', async () => {
    expect(await tablesOf('n3', undefined, sources())).toMatchObject({ problem: 'nobody here can ask it' });
    const failing = sources(() => Promise.reject(new Error('no route')));
    expect(await tablesOf('n2', undefined, failing)).toMatchObject({ problem: 'no route' });
    const asked = tablesOf(
      'n2',
      undefined,
      sources(() => new Promise(() => undefined)),
    );
    await env.advance(2000);
    expect(await asked).toMatchObject({ problem: 'it gave no answer within 2 s' });
  });
});
