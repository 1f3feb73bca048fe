import { afterEach, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { apiClient } from '@timonel/sdk/contracts/api';
import { addressAnnouncer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { definePlugin } from '@timonel/sdk';
import type { Node, Service } from '@timonel/sdk/kube';
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

  tell(resource: string, type: string, object: Service | Node): void {
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

async function start(api: FakeApi, addresses: Addresses): Promise<TestKernel> {
  const plugin = definePlugin({
    name: 'announcer',
    version: '1.0.0',
    apiVersion: 1,
    requires: { api: apiClient },
    provides: { announcer: addressAnnouncer },
    setup(ctx) {
      const announcer = new Announcer(ctx, ctx.deps.api, 'here', addresses);
      return {
        provides: {
          announcer: { status: () => Promise.resolve({ implementation: 'test', ...announcer.status() }) },
        },
        start: () => announcer.start(),
        stop: () => announcer.stop(),
      };
    },
  });
  kernel = await startTestKernel({ plugins: [fakeService(apiClient, api.client()), plugin] });
  return kernel;
}

describe('the announcer', () => {
  it('answers for addresses of pools that are of its node, follows changes, and leaves those of others alone', async () => {
    const foreign = aService('192.0.2.9', { annotations: {} });
    const api = new FakeApi({ services: [aService('192.0.2.1'), foreign], nodes: [aNode('here')] });
    let held: readonly string[] = ['192.0.2.77'];
    await start(api, { set: async (wanted) => void (held = [...wanted]) });
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
  });

  it('tries again what failed, and tells of it', async () => {
    const api = new FakeApi({ services: [aService('192.0.2.1')], nodes: [aNode('here')] });
    let attempts = 0;
    const running = await start(api, {
      set: async () => {
        attempts += 1;
        if (attempts === 1) throw new Error('no link');
      },
    });
    const status = () => running.service(addressAnnouncer).status();
    await until(async () => (await status()).lastError === 'no link', { what: 'the error to be told' });
    await until(async () => (await status()).addresses.length === 1, { what: 'the address' });
    expect([attempts, (await status()).lastError]).toEqual([2, undefined]);
  });
});
