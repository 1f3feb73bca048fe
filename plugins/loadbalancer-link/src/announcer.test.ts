import { afterEach, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { apiClient } from '@timonel/sdk/contracts/api';
import { addressAnnouncer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { createSimulatedEnv } from '@timonel/core';
import { definePlugin, type Env } from '@timonel/sdk';
import type { EndpointSlice, Node, Service } from '@timonel/sdk/kube';
import { fakeService, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { Announcer, type Addresses } from './announcer.ts';

interface World {
  readonly services: Service[];
  readonly nodes: Node[];
}

/** Lists what is there; changes come as events. */
class FakeApi {
  readonly world: World;
  readonly #watchers = new Map<string, (event: object) => void>();
  #version = 1;

  constructor(world: World) {
    this.world = world;
  }

  client(): Partial<ApiClient> {
    return {
      list: async ({ resource }: { resource: string }) => ({
        metadata: { resourceVersion: String(this.#version) },
        items: resource === 'services' ? this.world.services : resource === 'nodes' ? this.world.nodes : [],
      }),
      watch: ({ resource }: { resource: string }, { signal }: { signal: AbortSignal }) => this.#watch(resource, signal),
    } as unknown as Partial<ApiClient>;
  }

  tell(resource: string, type: string, object: Service | Node | EndpointSlice): void {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#watchers.get(resource)?.({ type, object: { ...object, metadata } });
  }

  async *#watch(resource: string, signal: AbortSignal): AsyncGenerator<object> {
    const queue: object[] = [];
    let wake = (): void => undefined;
    this.#watchers.set(resource, (event) => {
      queue.push(event);
      wake();
    });
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const event = queue.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
}

function aService(ip: string, more: Partial<Service['metadata']> = {}): Service {
  return {
    metadata: { name: `s${ip}`, namespace: 'd', uid: ip, annotations: { [poolAnnotation]: 'main' }, ...more },
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip }] } },
  };
}

function aNode(name: string, ready = true): Node {
  const conditions = [{ type: 'Ready', status: ready ? ('True' as const) : ('False' as const) }];
  return { metadata: { name, uid: name }, spec: {}, status: { conditions } };
}

let kernel: TestKernel | undefined;
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
});

async function start(
  api: FakeApi,
  addresses: Addresses,
  {
    env,
    Type = Announcer,
    taken,
  }: {
    readonly env?: Env;
    readonly Type?: typeof Announcer;
    readonly taken?: (addresses: readonly string[]) => void;
  } = {},
): Promise<TestKernel> {
  const plugin = definePlugin({
    name: 'announcer',
    version: '1.0.0',
    apiVersion: 1,
    requires: { api: apiClient },
    provides: { announcer: addressAnnouncer },
    setup(ctx) {
      const announcer = new Type(ctx, ctx.deps.api, 'here', addresses, taken);
      return {
        provides: {
          announcer: { status: () => Promise.resolve({ implementation: 'test', ...announcer.status() }) },
        },
        start: () => announcer.start(),
        stop: () => announcer.stop(),
      };
    },
  });
  const plugins = [fakeService(apiClient, api.client()), plugin];
  kernel = await startTestKernel({ plugins, ...(env === undefined ? {} : { env }) });
  return kernel;
}

describe('the announcer', () => {
  it('answers for addresses of pools that are of its node, follows changes, and leaves those of others alone', async () => {
    const foreign = aService('192.0.2.9', { annotations: {} });
    const api = new FakeApi({ services: [aService('192.0.2.1'), foreign], nodes: [aNode('here')] });
    let held: readonly string[] = ['192.0.2.77'];
    const told: string[] = [];
    const taken = (addresses: readonly string[]): void => void told.push(...addresses);
    await start(api, { set: async (wanted) => new Set((held = [...wanted])) }, { taken });
    const becomes = (...expected: string[]): Promise<unknown> =>
      until(() => [...held].toSorted().join() === expected.join(), { what: `the addresses ${expected.join()}` });
    await becomes('192.0.2.1');
    api.tell('services', 'ADDED', aService('192.0.2.2'));
    await becomes('192.0.2.1', '192.0.2.2');
    api.tell('services', 'DELETED', aService('192.0.2.1'));
    await becomes('192.0.2.2');
    api.tell('nodes', 'ADDED', aNode('there'));
    api.tell('nodes', 'MODIFIED', aNode('here', false));
    await becomes();
    // Each once, when it came.
    expect(told).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('answers for each address of a service of two families, written one way', async () => {
    const service = aService('192.0.2.1');
    const ingress = [{ ip: '192.0.2.1' }, { ip: 'FD00:0::1' }, { ip: 'none' }];
    const api = new FakeApi({
      services: [{ ...service, status: { loadBalancer: { ingress } } }],
      nodes: [aNode('here')],
    });
    let held: readonly string[] = [];
    await start(api, { set: async (wanted) => new Set((held = [...wanted])) });
    await until(() => held.join() === '192.0.2.1,fd00::1', { what: 'both addresses' });
  });

  it('looks anew only after changes that may matter', async () => {
    let looks = 0;
    class Counted extends Announcer {
      override wanted(): ReadonlySet<string> {
        looks += 1;
        return super.wanted();
      }
    }
    const pooled = aService('192.0.2.1');
    const local = { ...aService('192.0.2.2'), spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } };
    const plain: Service = { metadata: { name: 'plain', namespace: 'd', uid: 'p' }, spec: {} };
    const here = aNode('here');
    const api = new FakeApi({ services: [pooled, local, plain], nodes: [here] });
    const env = createSimulatedEnv({ seed: 1 });
    let held: readonly string[] = [];
    await start(api, { set: async (wanted) => new Set((held = [...wanted])) }, { env, Type: Counted });
    const looksAfter = async (...event: Parameters<FakeApi['tell']>): Promise<number> => {
      const before = looks;
      api.tell(...event);
      await env.advance(1_000);
      return looks - before;
    };
    const sliceOf = (name: string): EndpointSlice => ({
      metadata: { name, namespace: 'd', uid: name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], nodeName: 'here' }],
    });
    await env.advance(1_000);
    expect([looks, held]).toEqual([1, ['192.0.2.1']]);
    expect(await looksAfter('endpointslices', 'ADDED', sliceOf(pooled.metadata.name ?? ''))).toBe(0);
    expect(await looksAfter('services', 'MODIFIED', { ...plain, spec: { type: 'NodePort' } })).toBe(0);
    expect(await looksAfter('nodes', 'MODIFIED', { ...here, spec: { podCIDR: '10.1.0.0/24' } })).toBe(0);
    expect(await looksAfter('endpointslices', 'ADDED', sliceOf(local.metadata.name ?? ''))).toBe(1);
    expect(held.toSorted()).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(await looksAfter('services', 'DELETED', local)).toBe(1);
    expect(await looksAfter('nodes', 'MODIFIED', aNode('here', false))).toBe(1);
    expect(held).toEqual([]);
  });

  it('goes on without addresses that the machine cannot have, and tells of it', async () => {
    const api = new FakeApi({ services: [aService('192.0.2.1'), aService('fd00::1')], nodes: [aNode('here')] });
    let attempts = 0;
    const running = await start(api, {
      set: async (wanted) => {
        attempts += 1;
        return new Set([...wanted].filter((address) => !address.includes(':')));
      },
    });
    const status = () => running.service(addressAnnouncer).status();
    await until(async () => (await status()).addresses.join() === '192.0.2.1', { what: 'the IPv4 address' });
    expect((await status()).lastError).toBe('IPv6 is switched off on this machine');
    api.tell('nodes', 'ADDED', aNode('there', false));
    api.tell('services', 'ADDED', aService('192.0.2.2'));
    await until(async () => (await status()).addresses.length === 2, { what: 'the next one' });
    expect(attempts).toBe(2);
  });

  it('tries again what failed, and tells of it', async () => {
    const api = new FakeApi({ services: [aService('192.0.2.1')], nodes: [aNode('here')] });
    let attempts = 0;
    const running = await start(api, {
      set: async (wanted) => {
        attempts += 1;
        if (attempts === 1) throw new Error('no link');
        return wanted;
      },
    });
    const status = () => running.service(addressAnnouncer).status();
    await until(async () => (await status()).lastError === 'no link', { what: 'the error to be told' });
    await until(async () => (await status()).addresses.length === 1, { what: 'the address' });
    expect([attempts, (await status()).lastError]).toEqual([2, undefined]);
  });
});
