import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import limitRanger from '@timonel/plugin-admission-limitranger';
import {
  limitRanges,
  persistentVolumeClaims,
  pods,
  type Container,
  type LimitRange,
  type LimitRangeItem,
  type Pod,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

describe('scheduling: LimitRange', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [], plugins: [limitRanger], nodes: 0 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const path = (namespace: string, rest = ''): string => `/api/v1/namespaces/${namespace}/limitranges${rest}`;
  const range = (namespace: string, ...limits: LimitRangeItem[]): Promise<LimitRange> =>
    cluster.api.create(limitRanges, {
      metadata: { name: 'limits', namespace, labels: { team: 'web' } },
      spec: { limits },
    });
  const run = (namespace: string, name: string, resources?: Container['resources']): Promise<Pod> =>
    cluster.api.create(pods, {
      metadata: { name, namespace },
      spec: { containers: [{ name: 'main', image: 'pause:1', ...(resources === undefined ? {} : { resources }) }] },
    });
  /** The cache of admission may lag behind for a moment. */
  const isInForce = async (namespace: string, name: string, check: (pod: Pod) => boolean): Promise<Pod> => {
    let serial = 0;
    let seen: Pod | undefined;
    await cluster.until('the limit range to be in force', async () => {
      seen = await run(namespace, `${name}-${(serial += 1)}`);
      return check(seen);
    });
    if (seen === undefined) throw new Error('no pod was made');
    return seen;
  };
  const item: LimitRangeItem = {
    type: 'Container',
    min: { cpu: '50m', memory: '100Mi' },
    max: { cpu: '500m', memory: '500Mi' },
    default: { cpu: '500m', memory: '500Mi' },
    defaultRequest: { cpu: '100m', memory: '200Mi' },
  };

  it('sets the defaults of containers that name no requests or limits, and says so', async () => {
    const namespace = await cluster.namespace();
    await range(namespace, item);
    const made = await isInForce(
      namespace,
      'silent',
      ({ spec }) => spec.containers[0]?.resources?.limits !== undefined,
    );
    expect(made.spec.containers[0]?.resources).toEqual({
      requests: { cpu: '100m', memory: '200Mi' },
      limits: { cpu: '500m', memory: '500Mi' },
    });
    expect(made.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main',
    );
    const partial = await run(namespace, 'partial', { requests: { cpu: '300m' }, limits: { memory: '300Mi' } });
    expect(partial.spec.containers[0]?.resources).toEqual({
      requests: { cpu: '300m', memory: '300Mi' },
      limits: { cpu: '500m', memory: '300Mi' },
    });
  });

  it('refuses containers below the minimum and above the maximum, also after an update', async () => {
    const namespace = await cluster.namespace();
    await range(namespace, item);
    await isInForce(namespace, 'silent', ({ spec }) => spec.containers[0]?.resources?.limits !== undefined);
    await expect(run(namespace, 'small', { requests: { cpu: '10m', memory: '100Mi' } })).rejects.toThrow(
      'pods "small" is forbidden: minimum cpu usage per Container is 50m, but request is 10m',
    );
    await expect(run(namespace, 'large', { limits: { cpu: '600m', memory: '600Mi' } })).rejects.toThrow(
      'pods "large" is forbidden: [maximum cpu usage per Container is 500m, but limit is 600m, maximum memory usage per Container is 500Mi, but limit is 600Mi]',
    );
    const body = { spec: { limits: [{ ...item, min: { cpu: '5m', memory: '50Mi' } }] } };
    const type = 'application/merge-patch+json';
    expect((await cluster.server.send('PATCH', path(namespace, '/limits'), { type, body })).status).toBe(200);
    await cluster.until('the new minimum', () =>
      run(namespace, 'small', { requests: { cpu: '10m', memory: '100Mi' } }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('bounds whole pods, the ratio of limits to requests, and claims', async () => {
    const namespace = await cluster.namespace();
    await range(
      namespace,
      { type: 'Pod', max: { cpu: '1' } },
      {
        type: 'Container',
        maxLimitRequestRatio: { cpu: '2' },
        default: { cpu: '200m' },
        defaultRequest: { cpu: '200m' },
      },
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
    );
    await isInForce(namespace, 'silent', ({ spec }) => spec.containers[0]?.resources?.limits !== undefined);
    await expect(run(namespace, 'large', { limits: { cpu: '1500m' } })).rejects.toThrow(
      'maximum cpu usage per Pod is 1, but limit is 1500m',
    );
    await expect(run(namespace, 'loose', { requests: { cpu: '100m' }, limits: { cpu: '300m' } })).rejects.toThrow(
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    );
    const claim = (name: string, storage: string) =>
      cluster.api.create(persistentVolumeClaims, {
        metadata: { name, namespace },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
      });
    await expect(claim('small', '500Mi')).rejects.toThrow(
      'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi',
    );
    await expect(claim('large', '3Gi')).rejects.toThrow(
      'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    );
    await claim('right', '2Gi');
  });

  it('is listed in all namespaces, patched and deleted by collection; then nothing is set any more', async () => {
    const namespace = await cluster.namespace();
    await range(namespace, item);
    const all = await cluster.server.send('GET', '/api/v1/limitranges?labelSelector=team%3Dweb');
    expect(all.body.items.some(({ metadata }: LimitRange) => metadata.namespace === namespace)).toBe(true);
    const type = 'application/merge-patch+json';
    const body = { metadata: { labels: { patched: 'yes' } } };
    expect((await cluster.server.send('PATCH', path(namespace, '/limits'), { type, body })).body).toMatchObject(body);
    expect((await cluster.server.send('DELETE', path(namespace, '?labelSelector=patched%3Dyes'))).status).toBe(200);
    expect((await cluster.api.list(limitRanges, { namespace })).items).toEqual([]);
    await isInForce(namespace, 'free', ({ spec }) => spec.containers[0]?.resources?.limits === undefined);
  });
});
