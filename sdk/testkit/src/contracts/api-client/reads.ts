import { beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, defineResource, namespaces, pods } from '@timonel/sdk/kube';
import { expectFrozen, refusal } from './expecting.ts';
import type { ApiClientBed } from './index.ts';

export function describeReads(bed: ApiClientBed): void {
  const { namespace } = bed;
  const labels = (app: string): Record<string, string> => ({ app, suite: 'reads' });

  describe('reads', () => {
    beforeAll(async () => {
      for (const name of ['r1', 'r2', 'r3', 'r4', 'r5']) {
        const metadata = { name, namespace, labels: labels(name === 'r1' ? 'one' : 'more') };
        await bed.client().create(configMaps, { metadata, data: { of: name } });
      }
    });

    it('get: the whole object, frozen', async () => {
      const object = await bed.client().get(configMaps, { namespace, name: 'r1' });
      expect(object).toMatchObject({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'r1', namespace, uid: expect.any(String), resourceVersion: expect.stringMatching(/^\d+$/) },
        data: { of: 'r1' },
      });
      expectFrozen(object);
    });

    it('get: objects without a namespace', async () => {
      expect(await bed.client().get(namespaces, { name: namespace })).toMatchObject({ kind: 'Namespace' });
    });

    it('get: NotFound says what is missing', async () => {
      const error = await refusal(bed.client().get(configMaps, { namespace, name: 'absent' }));
      expect(error).toMatchObject({
        reason: 'NotFound',
        code: 404,
        message: 'configmaps "absent" not found',
        status: { details: { name: 'absent', kind: 'configmaps' } },
      });
    });

    it('get: a namespaced object needs its namespace', async () => {
      expect((await refusal(bed.client().get(pods, { name: 'x' }))).reason).toBe('BadRequest');
    });

    it('get and list of a kind that is not stored', async () => {
      const type = { group: '', version: 'v1', resource: 'componentstatuses', kind: 'ComponentStatus' } as const;
      const components = defineResource({ ...type, namespaced: false });
      const { items } = await bed.client().list(components);
      expect(items.map(({ metadata }) => metadata.name)).toContain('store');
      expectFrozen(items[0]);
      expect(await bed.client().get(components, { name: 'store' })).toMatchObject({ kind: 'ComponentStatus' });
      expect((await refusal(bed.client().get(components, { name: 'none' }))).reason).toBe('NotFound');
    });

    it('NotFound for a kind that nobody serves', async () => {
      const unknown = defineResource({
        group: 'example.com',
        version: 'v1',
        resource: 'toys',
        kind: 'Toy',
        namespaced: true,
      });
      expect((await refusal(bed.client().list(unknown, { namespace }))).reason).toBe('NotFound');
      expect((await refusal(bed.client().get(unknown, { namespace, name: 'x' }))).reason).toBe('NotFound');
    });

    it('list: kind, version, items, frozen', async () => {
      const list = await bed.client().list(configMaps, { namespace });
      expect(list).toMatchObject({
        kind: 'ConfigMapList',
        apiVersion: 'v1',
        metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
      });
      expect(list.items.map(({ metadata }) => metadata.name)).toEqual(
        expect.arrayContaining(['r1', 'r2', 'r3', 'r4', 'r5']),
      );
      expect(list.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
      expectFrozen(list.items[0]);
    });

    it.each<[string, object, string[]]>([
      ['a label', { labelSelector: 'app=one,suite=reads' }, ['r1']],
      ['a set of labels', { labelSelector: 'app in (one,more),app!=one,suite=reads' }, ['r2', 'r3', 'r4', 'r5']],
      ['a field', { fieldSelector: 'metadata.name=r3' }, ['r3']],
      ['nothing that is there', { labelSelector: 'app=none' }, []],
    ])('list: selects by %s', async (_what, selector, names) => {
      const { items } = await bed.client().list(configMaps, { namespace, ...selector });
      expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
    });

    it('list: all namespaces', async () => {
      const { items } = await bed.client().list(configMaps, { labelSelector: 'suite=reads' });
      expect(items.length).toBeGreaterThanOrEqual(5);
    });

    it('list: in pages of one state', async () => {
      const names: (string | undefined)[] = [];
      const options = { namespace, labelSelector: 'suite=reads', limit: 2 };
      const versions = new Set<string | undefined>();
      let token: string | undefined;
      do {
        const page = await bed.client().list(configMaps, { ...options, ...(token ? { continue: token } : {}) });
        expect(page.items.length).toBeLessThanOrEqual(2);
        names.push(...page.items.map(({ metadata }) => metadata.name));
        versions.add(page.metadata.resourceVersion);
        token = page.metadata.continue;
        if (names.length === 2)
          await bed.client().create(configMaps, { metadata: { name: 'r6', namespace, labels: labels('late') } });
      } while (token);
      expect(names).toEqual(['r1', 'r2', 'r3', 'r4', 'r5']);
      expect(versions.size).toBe(1);
    });

    it('list: resourceVersion 0 takes what the server has at hand', async () => {
      const { items } = await bed
        .client()
        .list(configMaps, { namespace, resourceVersion: '0', labelSelector: 'app=one' });
      expect(items).toHaveLength(1);
    });

    it.each([
      ['labelSelector', { labelSelector: 'a b=' }],
      ['continue', { continue: 'nonsense' }],
    ])('list: BadRequest for a wrong %s', async (_what, options) => {
      expect((await refusal(bed.client().list(configMaps, { namespace, ...options }))).reason).toBe('BadRequest');
    });
  });
}
