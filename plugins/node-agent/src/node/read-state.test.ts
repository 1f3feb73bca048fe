import { describe, expect, it } from '@jest/globals';
import type { AgentContext } from '../agent-context.ts';
import type { Runtimes } from '../agent/runtimes.ts';
import { configSchema } from '../config.ts';
import type { Machine } from './machine.ts';
import { newNode } from './node-object.ts';
import { readNodeState } from './read-state.ts';

const config = configSchema.parse({ nodeName: 'node-1', runtime: 'fake', nodeAddress: '192.0.2.1' });

function read(info: object | undefined, isShuttingDown = false, network = {}) {
  const ctx = {
    config,
    deps: {
      network: {
        nodeNetwork: () => Promise.resolve({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1', ...network }),
      },
      images: { list: () => Promise.resolve([]) },
      nodeParts: { all: () => [], onChange: () => undefined },
    },
  } as unknown as AgentContext;
  const runtime = { info: () => Promise.resolve(info) };
  const runtimes = { names: () => ['other'], get: () => (info === undefined ? undefined : runtime) };
  return readNodeState(ctx, {
    machine: { capacity: { memory: '1Gi' }, hugePageBytes: 0 } as unknown as Machine,
    runtimes: { ...runtimes, ...(info === undefined ? {} : { names: () => ['fake'] }) } as unknown as Runtimes,
    pressure: () => [],
    isShuttingDown: () => isShuttingDown,
  });
}

const ready = { name: 'fake', version: '1', ready: true, reason: '' };

describe('what a node tells of itself', () => {
  it('is why it cannot run pods', async () => {
    const why = async (...given: Parameters<typeof read>) => (await read(...given)).notReady;
    expect(await why(ready)).toBe('');
    expect(await why({ ...ready, ready: false, reason: 'no cgroups' })).toBe(
      'container runtime is not ready: no cgroups',
    );
    expect(await why(undefined)).toBe('container runtime "fake" is not there (there are: other)');
    expect(await why(ready, true)).toBe('node is shutting down');
  });

  it('is what pods can be given: not what is kept for a hard threshold', async () => {
    const { capacity, allocatable } = await read(ready);
    expect([capacity['memory'], allocatable['memory']]).toEqual(['1Gi', `${(1024 - 100) * 1024}Ki`]);
  });

  it('has ranges and addresses of both families where its pods have', async () => {
    const single = await read(ready);
    expect(newNode(single).spec).toEqual({ podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] });
    expect(single.addresses).toEqual(['192.0.2.1']);
    const both = await read(ready, false, { podCidr6: 'fd00:1::/64', nodeAddress6: 'fd00:1::1' });
    expect(newNode(both).spec).toEqual({ podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] });
    // The second one is that of this machine, if it has one.
    expect(both.addresses.map((address) => address.includes(':'))).toEqual(
      [false, true].slice(0, both.addresses.length),
    );
  });
});
