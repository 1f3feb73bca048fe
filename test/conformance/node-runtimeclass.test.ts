import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionRuntimeClass from '@timonel/plugin-admission-runtimeclass';
import { pods, runtimeClasses, type Pod, type RuntimeClass } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

const path = (rest = ''): string => `/apis/node.k8s.io/v1/runtimeclasses${rest}`;

describe('node: RuntimeClass', () => {
  let cluster: Cluster;
  let namespace: string;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [], plugins: [admissionRuntimeClass], nodes: 0 });
    namespace = await cluster.namespace();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const make = (name: string, more: Partial<RuntimeClass> = {}): Promise<RuntimeClass> =>
    cluster.api.create(runtimeClasses, { metadata: { name, labels: { name } }, handler: 'sandbox', ...more });
  const run = (name: string, spec: Partial<Pod['spec']>): Promise<Pod> =>
    cluster.api.create(pods, {
      metadata: { name, namespace },
      spec: { containers: [{ name: 'main', image: 'pause:1' }], ...spec },
    });

  it('is created, listed, watched, replaced, patched and deleted: all verbs', async () => {
    const events = cluster.record(runtimeClasses);
    for (const name of ['verbs', 'verbs-2']) await make(name);
    const discovered = await cluster.server.send('GET', '/apis/node.k8s.io/v1');
    expect(discovered.body.resources.map(({ name }: { name: string }) => name)).toContain('runtimeclasses');
    const read = await cluster.server.send('GET', path('/verbs'));
    expect(read.body).toMatchObject({ kind: 'RuntimeClass', handler: 'sandbox' });
    const { resourceVersion: _, ...metadata } = read.body.metadata;
    const replaced = { ...read.body, metadata: { ...metadata, annotations: { replaced: 'yes' } } };
    expect((await cluster.server.send('PUT', path('/verbs'), { body: replaced })).status).toBe(200);
    const type = 'application/merge-patch+json';
    const body = { metadata: { annotations: { patched: 'yes' } } };
    const patched = await cluster.server.send('PATCH', path('/verbs'), { type, body });
    expect(patched.body.metadata.annotations).toEqual({ replaced: 'yes', patched: 'yes' });
    expect((await cluster.server.send('DELETE', path('/verbs'))).status).toBe(200);
    expect((await cluster.server.send('DELETE', path('?labelSelector=name%3Dverbs-2'))).status).toBe(200);
    await cluster.until('both to be seen to go', () => events.filter((event) => event.type === 'DELETED').length === 2);
  });

  it('refuses a pod of a class that nobody has made', async () => {
    await expect(run('unknown', { runtimeClassName: 'nonesuch' })).rejects.toThrow(
      'pods "unknown" is forbidden: pod rejected: RuntimeClass "nonesuch" not found',
    );
  });

  it('refuses a pod of a class that was deleted', async () => {
    await make('short-lived');
    await run('in-time', { runtimeClassName: 'short-lived' });
    await cluster.api.delete(runtimeClasses, { name: 'short-lived' });
    let serial = 0;
    await cluster.until('pods of the class to be refused', () =>
      run(`late-${(serial += 1)}`, { runtimeClassName: 'short-lived' }).then(
        () => false,
        (error: Error) => error.message.includes('RuntimeClass "short-lived" not found'),
      ),
    );
  });

  it('takes a pod of a class without an overhead, and sets none', async () => {
    await make('light');
    const pod = await run('light', { runtimeClassName: 'light' });
    expect(pod.spec).toMatchObject({ runtimeClassName: 'light' });
    expect(pod.spec.overhead).toBeUndefined();
    await expect(run('heavy', { runtimeClassName: 'light', overhead: { cpu: '1' } })).rejects.toThrow(
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    );
  });

  it('sets the overhead of the class, and refuses another one', async () => {
    await make('heavy', { overhead: { podFixed: { cpu: '10m', memory: '1Mi' } } });
    const pod = await run('with-overhead', { runtimeClassName: 'heavy' });
    expect(pod.spec.overhead).toEqual({ cpu: '10m', memory: '1Mi' });
    await run('same-overhead', { runtimeClassName: 'heavy', overhead: { cpu: '0.01', memory: '1024Ki' } });
    await expect(run('other-overhead', { runtimeClassName: 'heavy', overhead: { cpu: '1' } })).rejects.toThrow(
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    );
  });

  it('sends pods to the nodes of the class: its node selector and tolerations are added', async () => {
    const toleration = { key: 'sandbox', operator: 'Exists', effect: 'NoSchedule' };
    await make('placed', { scheduling: { nodeSelector: { sandbox: 'yes' }, tolerations: [toleration] } });
    const pod = await run('placed', {
      runtimeClassName: 'placed',
      nodeSelector: { disk: 'ssd' },
      tolerations: [toleration],
    });
    expect(pod.spec.nodeSelector).toEqual({ disk: 'ssd', sandbox: 'yes' });
    expect(pod.spec.tolerations?.filter(({ key }) => key === 'sandbox')).toEqual([toleration]);
    await expect(run('astray', { runtimeClassName: 'placed', nodeSelector: { sandbox: 'no' } })).rejects.toThrow(
      'conflict: runtimeClass.scheduling.nodeSelector[sandbox] = yes; pod.spec.nodeSelector[sandbox] = no',
    );
  });
});
