import { describe, expect, it } from '@jest/globals';
import { apiClient } from '@timonel/sdk/contracts/api';
import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { fakeService, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import { container, podWith, running, sandbox } from './plan/testing.ts';
import { labelKeys } from './plan/identity.ts';
import { away } from './testing/api-away.ts';

/** An API whose state a test sets; each change ends the watch, so that the agent lists anew. */
class Api {
  items: Pod[] = [];
  /** What a question for one pod is answered, where it differs. */
  checked: Pod[] | undefined;
  version = '1';
  lists = 0;
  checks = 0;
  #listed: Pod[] | undefined;
  #end: () => void = () => undefined;

  change(version: string, items: Pod[]): void {
    this.version = version;
    this.items = items;
    this.#end();
  }

  entry(): ReturnType<typeof fakeService> {
    const list = async (type: { resource: string }, options?: { fieldSelector?: string }) => {
      if (type.resource !== 'pods') return away();
      const isCheck = options?.fieldSelector === 'metadata.name=web';
      if (isCheck) this.checks += 1;
      else {
        this.lists += 1;
        this.#listed = this.items;
      }
      const items = isCheck ? (this.checked ?? this.items) : this.items;
      return { items, metadata: { resourceVersion: this.version } } as never;
    };
    const isListed = (): boolean => this.#listed === this.items;
    const ended = (signal: AbortSignal | undefined): Promise<void> =>
      new Promise((resolve) => {
        this.#end = resolve;
        signal?.addEventListener('abort', () => resolve());
      });
    return fakeService(apiClient, {
      get: away,
      create: away,
      patch: away,
      delete: away,
      updateStatus: away,
      list,
      async *watch(_type, { signal } = {}) {
        yield* [];
        if (isListed()) await ended(signal);
        throw new ApiError('Expired', 'list again');
      },
    });
  }
}

const pod = podWith({});
const uid = pod.metadata.uid ?? '';
const held = sandbox({ podUid: uid, labels: { [labelKeys.nodeName]: 'node-1' } });

async function start(api: Api, removed: string[]): Promise<TestKernel> {
  const app = running('app', 0, { sandboxId: held.id });
  let there = true;
  return startTestKernel({
    plugins: [
      plugin,
      api.entry(),
      fakeService(containerRuntime, {
        info: async () => ({ name: 'fake', version: '1', isolation: 'full', ready: true, reason: '' }),
        listSandboxes: async () => (there ? [held] : []),
        listContainers: async () => (there ? [app] : []),
        containerStatus: async () => (removed.length === 0 ? app : { ...app, state: 'exited', exitCode: 0 }),
        stopContainer: async (id) => {
          removed.push(id);
        },
        removeSandbox: async () => {
          there = false;
        },
        onEvent: () => () => undefined,
      }),
      fakeService(images, { list: async () => [] }),
      fakeService(podNetwork, {
        nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
        attach: async () => ({ sandboxId: held.id, addresses: ['10.1.0.2'] }) as never,
        detach: async () => undefined,
        retain: async () => 0,
        list: async () => [],
      }),
    ],
    config: { 'node-agent': { nodeName: 'node-1', runtime: 'fake', relistIntervalMs: 100, capacity: { cpu: '1' } } },
  });
}

describe('a pod that the API does not name any more', () => {
  it('is kept while the state of the API is older than what was seen, and removed when it is newer', async () => {
    const api = new Api();
    api.change('100', [pod]);
    const removed: string[] = [];
    const kernel = await start(api, removed);
    try {
      await until(() => api.lists > 0, { what: 'the first list' });
      api.change('7', []);
      const warned = (): boolean => kernel.log.lines.some(({ message }) => message.includes('the pod is kept'));
      await until(warned, { what: 'the older state to be noticed' });
      const before = api.checks;
      await until(() => api.checks > before, { what: 'another look at the older state' });
      expect(removed).toEqual([]);
      api.version = '101';
      await until(() => removed.length > 0, { what: 'the pod to be stopped' });
    } finally {
      await kernel.stop();
    }
  }, 20_000);

  it('leaves its room to the one that comes in its place, before it is found to be gone', async () => {
    const whole = { containers: [container('app', { resources: { requests: { cpu: '1' } } })] };
    const former = podWith(whole);
    const next = podWith(whole, { name: 'next', uid: 'uid-2' });
    const api = new Api();
    api.change('100', [former]);
    const kernel = await start(api, []);
    try {
      await until(() => api.lists > 0, { what: 'the first list' });
      // A look at it shows it still.
      api.checked = [former];
      api.change('101', [next]);
      // It is tried, and not turned away: its runtime is not that of this test.
      const tried = (): boolean =>
        kernel.log.lines.some(({ fields, message }) => message === 'no pod sandbox' && fields['pod'] === 'next');
      await until(tried, { what: 'the pod in its place to be worked on' });
      expect(api.checks).toBeGreaterThan(0);
    } finally {
      await kernel.stop();
    }
  }, 20_000);

  it('is kept when it is still there: the list was wrong', async () => {
    const api = new Api();
    api.change('100', [pod]);
    const removed: string[] = [];
    const kernel = await start(api, removed);
    try {
      await until(() => api.lists > 0, { what: 'the first list' });
      api.checked = [pod];
      api.change('101', []);
      await until(() => api.checks > 0, { what: 'the check' });
      // A pod that is taken for gone is stopped at once; the next list of the runtime would bring up an orphan.
      const lists = api.lists;
      api.change('102', []);
      await until(() => api.lists > lists, { what: 'another list' });
      expect(removed).toEqual([]);
      api.checked = undefined;
      const shown = api.lists;
      api.change('103', [pod]);
      await until(() => api.lists > shown, { what: 'a list with it' });
      api.change('104', []);
      await until(() => removed.length > 0, { what: 'the pod to be stopped once it is gone' });
    } finally {
      await kernel.stop();
    }
  }, 20_000);
});
