/** Plugins that hold several controllers, and controllers that do work outside of the API. */
import { describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { explainers } from '@timonel/sdk/contracts/why';
import { act, controllerPart, keysFrom, runControllers, type ControllerPart } from '@timonel/sdk/controller';
import { configMaps, coreEvents, objectKey, secrets, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startTestCluster } from './controllers-cluster.ts';

const mark = 'example.com/touched';

/** Touches each object, by an effect, and then says so in an annotation. */
function toucher(name: string, type: ResourceType, touch: (object: KubeObject) => Promise<void>): ControllerPart {
  return controllerPart({
    name,
    component: name,
    subject: type,
    inputs: ({ informers }) => informers.for(type),
    sources: (cache) => [keysFrom(cache, (object) => [objectKey(object)])],
    observe: (key, cache, now) => ({ subject: cache.get(key), ...now }),
    effects: () => ({ touch: ({ object }) => touch(object) }),
    reconcile: ({ subject }) => {
      if (subject === undefined || subject.metadata.annotations?.[mark] !== undefined) return { actions: [] };
      const cause = { code: 'Untouched', text: 'nobody has touched it' };
      const failure = { reason: 'TouchFailed', message: 'cannot touch: ' };
      const body = { metadata: { annotations: { [mark]: 'yes' } } };
      return {
        actions: [
          act.effect(type, 'touch', subject, { cause, event: { reason: 'Touched', message: 'touched it', failure } }),
          act.patch(type, subject, { type: 'merge', body }, { cause }),
        ],
      };
    },
    explain: () => [{ component: name, code: 'x', text: `told by ${name}` }],
  });
}

function pluginOf(parts: readonly ControllerPart[]): AnyPlugin {
  return definePlugin({
    name: 'controller-parts',
    version: '0.1.0',
    apiVersion: 1,
    description: 'for tests',
    provides: { controller, explainers },
    requires: { api: apiClient },
    setup: (ctx) => runControllers(ctx, parts),
  });
}

describe('a controller that remembers', () => {
  it('sees in the next pass what it has made of the last one', async () => {
    const seen: string[] = [];
    const part = controllerPart({
      name: 'counting',
      component: 'counting',
      subject: configMaps,
      inputs: ({ informers }) => ({ cache: informers.for(configMaps), passes: new Map<string, number>() }),
      sources: ({ cache }) => [keysFrom(cache, (object) => [objectKey(object)])],
      observe: (key, { cache, passes }, now) => ({
        subject: cache.get(key),
        key,
        passes: passes.get(key) ?? 0,
        ...now,
      }),
      reconcile: ({ passes }) => ({ actions: [], ...(passes < 2 ? { requeueAfterMs: 1 } : {}) }),
      remember({ key, passes }, { answers }, memory) {
        seen.push(`${key} ${passes} ${answers.size}`);
        memory.passes.set(key, passes + 1);
      },
    });
    await using cluster = await startTestCluster({ controllers: [pluginOf([part])] });
    await cluster.api.create(configMaps, { metadata: { name: 'a', namespace: 'default' } });
    await until(() => seen.length === 3, { what: 'three passes' });
    expect(seen).toEqual(['default/a 0 0', 'default/a 1 0', 'default/a 2 0']);
  });
});

describe('a plugin with two controllers', () => {
  it('works on the objects of both, does the work outside of the API first, and tries it again when it fails', async () => {
    const touched: string[] = [];
    let refuse = true;
    const touch = async ({ metadata }: KubeObject): Promise<void> => {
      if (metadata.name === 'hard' && refuse) throw new Error('not yet');
      touched.push(metadata.name ?? '');
    };
    const plugin = pluginOf([toucher('one', configMaps, touch), toucher('two', secrets, touch)]);
    await using cluster = await startTestCluster({ controllers: [plugin] });
    const { api, kernel } = cluster;
    const metadata = (name: string) => ({ name, namespace: 'default' });
    await api.create(configMaps, { metadata: metadata('a') });
    await api.create(secrets, { metadata: metadata('b') });
    await api.create(configMaps, { metadata: metadata('hard') });
    const eventsOf = async (): Promise<string[]> =>
      (await api.list(coreEvents, {})).items.map((event) => `${event.involvedObject.name} ${event.message}`);
    await until(async () => (await eventsOf()).includes('hard cannot touch: not yet'), { what: 'the refusal' });
    expect((await api.get(configMaps, metadata('hard'))).metadata.annotations).toBeUndefined();
    refuse = false;
    await until(() => touched.length === 3, { what: 'all objects to be touched' });
    await cluster.quiet();
    expect(touched.toSorted()).toEqual(['a', 'b', 'hard']);
    expect((await api.get(secrets, metadata('b'))).metadata.annotations).toEqual({ [mark]: 'yes' });
    const [{ service } = { service: undefined }] = kernel.service(explainers).all();
    const said = await service?.explain({ group: '', resource: 'secrets', namespace: 'default', name: 'b' });
    expect(said?.causes.map(({ text }) => text)).toEqual(['told by two']);
    expect(kernel.service(controller).all()[0]?.service.status()).toMatchObject({ name: 'parts', synced: true });
  });
});
