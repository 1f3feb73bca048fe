import { describe, expect, it } from '@jest/globals';
import type { ApiWatchOptions, WatchEvent } from '@timonel/sdk/contracts/api';
import { configMaps, type ConfigMap } from '@timonel/sdk/kube';
import { until } from '../../until.ts';
import { expectFrozen, refusal } from './expecting.ts';
import type { ApiClientBed } from './index.ts';

/** A watch that is read as fast as events come. */
interface Running {
  readonly events: WatchEvent<ConfigMap>[];
  readonly ended: Promise<void>;
  brief(): string[];
  stop(): Promise<void>;
}

export function describeWatches(bed: ApiClientBed): void {
  const { namespace } = bed;

  const begin = (options: ApiWatchOptions): Running => {
    const controller = new AbortController();
    const events: WatchEvent<ConfigMap>[] = [];
    const ended = (async (): Promise<void> => {
      const watch = bed.client().watch(configMaps, { namespace, ...options, signal: controller.signal });
      for await (const event of watch) events.push(event);
    })();
    ended.catch(() => undefined);
    return {
      events,
      ended,
      brief: () => events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim()),
      stop: () => {
        controller.abort();
        return ended;
      },
    };
  };
  const create = async (name: string, labels: Record<string, string>): Promise<string> => {
    const made = await bed.client().create(configMaps, { metadata: { name, namespace, labels } });
    return made.metadata.resourceVersion ?? '';
  };
  const merge = (name: string, body: unknown): Promise<ConfigMap> =>
    bed.client().patch(configMaps, { namespace, name }, { type: 'merge', body });

  describe('watch', () => {
    it('begins with the state, then tells changes in their order, frozen', async () => {
      await create('w1', { watch: 'a' });
      const watch = begin({ labelSelector: 'watch=a' });
      await until(() => watch.events.length === 1, { what: 'the state' });
      await create('w2', { watch: 'a' });
      await merge('w1', { data: { x: 'y' } });
      await bed.client().delete(configMaps, { namespace, name: 'w2' });
      await create('other', { watch: 'b' });
      await merge('w1', { metadata: { labels: { watch: 'b' } } });
      await until(() => watch.events.length >= 5, { what: 'five events' });
      expect(watch.brief()).toEqual(['ADDED w1', 'ADDED w2', 'MODIFIED w1', 'DELETED w2', 'DELETED w1']);
      expect(watch.events[2]?.object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { x: 'y' } });
      for (const event of watch.events) expectFrozen(event.object);
      await watch.stop();
    });

    it('resumes after a version without gap or repetition', async () => {
      const first = await create('v1', { watch: 'c' });
      const last = await create('v2', { watch: 'c' });
      await create('v3', { watch: 'c' });
      const fromFirst = begin({ labelSelector: 'watch=c', resourceVersion: first });
      const fromLast = begin({ labelSelector: 'watch=c', resourceVersion: last });
      await create('v4', { watch: 'c' });
      await until(() => fromFirst.events.length >= 3 && fromLast.events.length >= 2, { what: 'the later events' });
      expect(fromFirst.brief()).toEqual(['ADDED v2', 'ADDED v3', 'ADDED v4']);
      expect(fromLast.brief()).toEqual(['ADDED v3', 'ADDED v4']);
      await Promise.all([fromFirst.stop(), fromLast.stop()]);
    });

    it('sends bookmarks to those who want them, with nothing but a version', async () => {
      const version = await create('k1', { watch: 'd' });
      const options = { labelSelector: 'watch=none', resourceVersion: version };
      const [with_, without] = [begin({ ...options, allowBookmarks: true }), begin(options)];
      const last = await create('k2', { watch: 'd' });
      const marked = (): boolean =>
        with_.events.some(({ object }) => Number(object.metadata.resourceVersion) >= Number(last));
      await until(marked, { what: 'a bookmark' });
      expect(with_.events[0]).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1' } });
      expect(with_.events[0]?.object.metadata.name).toBeUndefined();
      expect(without.events).toEqual([]);
      await Promise.all([with_.stop(), without.stop()]);
    });

    it('ends with its signal, before the first event too', async () => {
      const watch = begin({ resourceVersion: await create('s1', {}) });
      await watch.stop();
      await expect(watch.ended).resolves.toBeUndefined();
      const early = bed.client().watch(configMaps, { namespace, signal: AbortSignal.abort() });
      for await (const event of early) throw new Error(`an event came: ${event.type}`);
    });

    it('Expired when the version is too old', async () => {
      const old = await create('e1', {});
      for (let count = 0; count <= bed.eventHistory() + 1; count += 1) {
        await merge('e1', { data: { count: String(count) } });
      }
      expect(await refusal(begin({ resourceVersion: old }).ended)).toMatchObject({ reason: 'Expired', code: 410 });
    });

    it('BadRequest for a version that is none', async () => {
      expect((await refusal(begin({ resourceVersion: 'yesterday' }).ended)).reason).toBe('BadRequest');
    });

    it('may be left in the middle', async () => {
      await create('l1', { watch: 'l' });
      for await (const { object } of bed.client().watch(configMaps, { namespace, labelSelector: 'watch=l' })) {
        expect(object.metadata.name).toBe('l1');
        break;
      }
    });
  });
}
