import { describe, expect, it } from '@jest/globals';
import type { Many } from '@timonel/sdk';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import { manualEnv } from '@timonel/testkit';
import { labelKeys } from '../plan/identity.ts';
import { running, sandbox } from '../plan/testing.ts';
import { Runtimes } from './runtimes.ts';

const own = { labels: { [labelKeys.nodeName]: 'node-1' } };

function runtimeWith(changes: Partial<ContainerRuntime> = {}): ContainerRuntime {
  const runtime: Partial<ContainerRuntime> = {
    listSandboxes: async () => [sandbox({ ...own, podUid: 'u1' }), sandbox({ id: 'other' })],
    listContainers: async () => [running('app'), running('app', 0, { sandboxId: 'other' })],
    onEvent: () => () => undefined,
    ...changes,
  };
  return runtime as ContainerRuntime;
}

function providersOf(found: Record<string, ContainerRuntime>): Many<ContainerRuntime> {
  const all = () => Object.entries(found).map(([plugin, service]) => ({ plugin, service }));
  return { all, onChange: () => undefined };
}

describe('the runtimes of a node', () => {
  it('are listed beside each other: one that fails, or does not answer, holds up no other', async () => {
    const env = manualEnv();
    const found = {
      'runtime-linux': runtimeWith(),
      'runtime-crun': runtimeWith({ listSandboxes: () => Promise.reject(new Error('no socket')) }),
      'runtime-slow': runtimeWith({ listContainers: () => new Promise(() => undefined) }),
    };
    const runtimes = new Runtimes(providersOf(found), 'node-1', env);
    const listing = runtimes.list(() => undefined);
    await env.advance(10_000);
    const { holdings, listed, failed } = await listing;
    expect(holdings).toMatchObject([{ handler: 'linux', podUid: 'u1', sandboxes: [{ id: 's0' }] }]);
    expect(holdings[0]?.containers).toHaveLength(1);
    expect([...listed]).toEqual(['linux']);
    expect(Object.fromEntries(failed)).toEqual({ crun: 'no socket', slow: 'no answer within 10000 ms' });
    // Nobody knows what they run: nothing may be started in them.
    expect(runtimes.names()).toEqual(['linux']);
    expect(runtimes.get('crun')).toBeUndefined();
  });

  it('that was listed once stays usable when a later list fails, and is forgotten when its plugin goes', async () => {
    let fails = false;
    let heard = 0;
    const linux = runtimeWith({
      listSandboxes: () => (fails ? Promise.reject(new Error('busy')) : Promise.resolve([])),
      onEvent: () => {
        heard += 1;
        return () => void (heard -= 1);
      },
    });
    const found: Record<string, ContainerRuntime> = { 'runtime-linux': linux };
    const runtimes = new Runtimes(providersOf(found), 'node-1', manualEnv());
    await runtimes.list(() => undefined);
    fails = true;
    expect([...(await runtimes.list(() => undefined)).listed]).toEqual([]);
    expect(runtimes.get('linux')).toBe(linux);
    expect(heard).toBe(1);
    delete found['runtime-linux'];
    await runtimes.list(() => undefined);
    expect(runtimes.get('linux')).toBeUndefined();
    expect(heard).toBe(0);
  });
});
