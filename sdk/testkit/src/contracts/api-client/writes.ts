import { describe, expect, it } from '@jest/globals';
import {
  configMaps,
  isNotFound,
  pods,
  replicaSets,
  type ConfigMap,
  type KubeObject,
  type Pod,
} from '@timonel/sdk/kube';
import { expectFrozen, refusal } from './expecting.ts';
import type { ApiClientBed } from './index.ts';

export function describeWrites(bed: ApiClientBed): void {
  const { namespace } = bed;
  const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
    metadata: { name, namespace },
    data,
  });
  const pod = (name: string): Pod => ({
    metadata: { name, namespace },
    spec: { containers: [{ name: 'app', image: 'img:1' }], terminationGracePeriodSeconds: 5 },
  });
  const absent = async (name: string): Promise<boolean> => {
    try {
      await bed.client().get(configMaps, { namespace, name });
      return false;
    } catch (error) {
      return isNotFound(error);
    }
  };

  describe('create', () => {
    it('answers the stored object, with defaults, frozen, and leaves the given one alone', async () => {
      const given = Object.freeze(pod('c1'));
      const made = await bed.client().create(pods, given);
      expect(made).toMatchObject({
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: { uid: expect.any(String), creationTimestamp: expect.any(String) },
        spec: { restartPolicy: 'Always' },
      });
      expect(given).toEqual(pod('c1'));
      expectFrozen(made);
    });

    it('makes a name of generateName', async () => {
      const made = await bed.client().create(configMaps, { metadata: { generateName: 'gen-', namespace } });
      expect(made.metadata.name).toMatch(/^gen-.{3,}/);
    });

    it('AlreadyExists, and Invalid with every cause', async () => {
      await bed.client().create(configMaps, configMap('twice'));
      expect(await refusal(bed.client().create(configMaps, configMap('twice')))).toMatchObject({
        reason: 'AlreadyExists',
        code: 409,
      });
      const error = await refusal(bed.client().create(pods, { ...pod('Bad_Name'), spec: { containers: [] } }));
      expect(error).toMatchObject({ reason: 'Invalid', code: 422 });
      expect(error.status.details?.causes?.map(({ field }) => field)).toEqual(
        expect.arrayContaining(['metadata.name', 'spec.containers']),
      );
    });

    it('BadRequest without the namespace', async () => {
      expect((await refusal(bed.client().create(configMaps, { metadata: { name: 'x' } }))).reason).toBe('BadRequest');
    });

    it('stores nothing with dryRun', async () => {
      const made = await bed.client().create(configMaps, configMap('dry'), { dryRun: true });
      expect(made.metadata.name).toBe('dry');
      expect(await absent('dry')).toBe(true);
    });
  });

  describe('update', () => {
    it('replaces, and Conflict for an old resourceVersion', async () => {
      const made = await bed.client().create(configMaps, configMap('u1', { a: '1', b: '1' }));
      const next = await bed.client().update(configMaps, { ...made, data: { a: '2' } });
      expect(next.data).toEqual({ a: '2' });
      expectFrozen(next);
      const error = await refusal(bed.client().update(configMaps, { ...made, data: { a: '3' } }));
      expect(error).toMatchObject({ reason: 'Conflict', code: 409 });
      const { resourceVersion: _ignored, ...metadata } = made.metadata;
      expect((await bed.client().update(configMaps, { ...made, metadata, data: { a: '4' } })).data).toEqual({ a: '4' });
    });

    it('NotFound for what is not there', async () => {
      expect((await refusal(bed.client().update(configMaps, configMap('nowhere')))).reason).toBe('NotFound');
    });

    it('updateStatus: the status and nothing else', async () => {
      const made = await bed.client().create(pods, pod('u2'));
      const changed = { ...made, spec: { ...made.spec, hostname: 'other' }, status: { phase: 'Running' as const } };
      const written = await bed.client().updateStatus(pods, changed, { fieldManager: 'contract' });
      expect(written.status?.phase).toBe('Running');
      expect(written.spec.hostname).toBeUndefined();
      const again = await bed.client().update(pods, { ...written, status: { phase: 'Failed' as const } });
      expect(again.status?.phase).toBe('Running');
    });
  });

  describe('patch', () => {
    it.each<[string, Parameters<ReturnType<ApiClientBed['client']>['patch']>[2]]>([
      ['merge', { type: 'merge', body: { data: { a: '2', b: null } } }],
      ['strategic', { type: 'strategic', body: { data: { a: '2', b: null } } }],
      [
        'json',
        {
          type: 'json',
          body: [
            { op: 'replace', path: '/data/a', value: '2' },
            { op: 'remove', path: '/data/b' },
          ],
        },
      ],
    ])('%s', async (name, patch) => {
      await bed.client().create(configMaps, configMap(`p-${name}`, { a: '1', b: '1' }));
      const written = await bed.client().patch(configMaps, { namespace, name: `p-${name}` }, patch);
      expect(written.data).toEqual({ a: '2' });
      expectFrozen(written);
    });

    it('of the status, without a write with dryRun, and refusals', async () => {
      await bed.client().create(pods, pod('p1'));
      const name = { namespace, name: 'p1' };
      const body = { status: { message: 'so' } };
      const dry = { subresource: 'status', dryRun: true };
      expect((await bed.client().patch(pods, name, { type: 'merge', body }, dry)).status?.message).toBe('so');
      expect((await bed.client().get(pods, name)).status?.message).toBeUndefined();
      const written = await bed.client().patch(pods, name, { type: 'merge', body }, { subresource: 'status' });
      expect(written.status?.message).toBe('so');
      const gone = await refusal(bed.client().patch(pods, { namespace, name: 'gone' }, { type: 'merge', body }));
      expect(gone.reason).toBe('NotFound');
      const test = [{ op: 'test', path: '/metadata/name', value: 'other' }];
      expect((await refusal(bed.client().patch(pods, name, { type: 'json', body: test }))).code).toBeGreaterThan(399);
    });

    it('apply: makes what is not there, owns what it says, and takes from others only by force', async () => {
      const name = { namespace, name: 'applied' };
      const apply = (fieldManager: string, data: Record<string, string>, force = false): Promise<ConfigMap> =>
        bed
          .client()
          .patch(
            configMaps,
            name,
            { type: 'apply', body: { metadata: name, data } as ConfigMap, force },
            { fieldManager },
          );
      expect((await apply('one', { a: '1', b: '1' })).data).toEqual({ a: '1', b: '1' });
      expect((await apply('one', { a: '1' })).data).toEqual({ a: '1' });
      const error = await refusal(apply('two', { a: '2' }));
      expect(error).toMatchObject({ reason: 'Conflict', code: 409 });
      const forced = await apply('two', { a: '2' }, true);
      expect(forced.data).toEqual({ a: '2' });
      expectFrozen(forced);
    });
  });

  describe('delete', () => {
    it('answers who is gone', async () => {
      const made = await bed.client().create(configMaps, configMap('d1'));
      const name = { namespace, name: 'd1' };
      const { uid } = made.metadata;
      const last = await bed.client().delete(configMaps, name, { preconditions: { uid: uid ?? '' } });
      expect(last.metadata).toMatchObject({ ...name, uid });
      expect(await absent('d1')).toBe(true);
      expect((await refusal(bed.client().delete(configMaps, name))).reason).toBe('NotFound');
    });

    it('Conflict when a precondition does not hold', async () => {
      await bed.client().create(configMaps, configMap('d2'));
      const name = { namespace, name: 'd2' };
      const error = await refusal(bed.client().delete(configMaps, name, { preconditions: { uid: 'another' } }));
      expect(error.reason).toBe('Conflict');
      expect(await absent('d2')).toBe(false);
    });

    it('answers the marked object while something keeps it', async () => {
      await bed.client().create(configMaps, {
        metadata: { name: 'd3', namespace, finalizers: ['example.com/keep'] },
      });
      const name = { namespace, name: 'd3' };
      const marked = await bed.client().delete(configMaps, name, { propagationPolicy: 'Background' });
      expect(marked.metadata.deletionTimestamp).toEqual(expect.any(String));
      expect(marked).toMatchObject({ kind: 'ConfigMap' });
      await bed.client().patch(configMaps, name, { type: 'merge', body: { metadata: { finalizers: null } } });
      expect(await absent('d3')).toBe(true);
    });
  });

  it('scale: read and patched as a subresource, fenced by the version', async () => {
    const name = { namespace, name: 's1' };
    const labels = { app: 's1' };
    const template = { metadata: { labels }, spec: pod('s1').spec };
    const spec = { replicas: 2, selector: { matchLabels: labels }, template };
    await bed.client().create(replicaSets, { metadata: name, spec });
    const scale = await bed.client().getSubresource(replicaSets, name, 'scale');
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { selector: 'app=s1' } });
    expectFrozen(scale);
    const { resourceVersion } = scale.metadata;
    const to = (replicas: number) => {
      const patch = { type: 'merge', body: { metadata: { resourceVersion }, spec: { replicas } } } as const;
      return bed.client().patch(replicaSets, name, patch, { subresource: 'scale' });
    };
    expect(await to(3)).toMatchObject({ kind: 'Scale', spec: { replicas: 3 } });
    expect((await bed.client().get(replicaSets, name)).spec.replicas).toBe(3);
    expect((await refusal(to(4))).reason).toBe('Conflict');
    const from = (replicas: number) => {
      const test = { op: 'test', path: '/spec/replicas', value: replicas };
      const replace = { op: 'replace', path: '/spec/replicas', value: 5 };
      return bed.client().patch(replicaSets, name, { type: 'json', body: [test, replace] }, { subresource: 'scale' });
    };
    expect((await refusal(from(2))).reason).toBe('Invalid');
    expect(await from(3)).toMatchObject({ spec: { replicas: 5 } });
    expect((await refusal(bed.client().getSubresource(configMaps, name, 'scale'))).reason).toBe('NotFound');
  });

  it('createSubresource: binds a pod, and refuses to do it twice', async () => {
    await bed.client().create(pods, pod('b1'));
    const binding = { metadata: { name: 'b1' }, target: { kind: 'Node', name: 'node-x' } } as KubeObject;
    const name = { namespace, name: 'b1' };
    expect(await bed.client().createSubresource(pods, name, 'binding', binding)).toMatchObject({ status: 'Success' });
    const bound = await bed.client().get(pods, name);
    expect(bound.spec.nodeName).toBe('node-x');
    expect((await refusal(bed.client().createSubresource(pods, name, 'binding', binding))).reason).toBe('Conflict');
    const marked = await bed.client().delete(pods, name, { gracePeriodSeconds: 7 });
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 7, deletionTimestamp: expect.any(String) });
    expect((await bed.client().delete(pods, name, { gracePeriodSeconds: 0 })).metadata).toMatchObject(name);
  });
}
