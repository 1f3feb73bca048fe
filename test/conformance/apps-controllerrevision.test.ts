import { describe, expect, it } from '@jest/globals';
import daemonSetController from '@timonel/plugin-controller-daemonset';
import { controllerOf, controllerRevisions, daemonSets, type ControllerRevision } from '@timonel/sdk/kube';
import { startCluster } from './support/cluster.ts';

const labels = { app: 'agent' };

describe('apps: ControllerRevision', () => {
  it('revisions of a DaemonSet are listed, patched, made by hand, replaced, deleted, and made anew for the present template', async () => {
    await using cluster = await startCluster({ controllers: [daemonSetController], nodes: 1 });
    const namespace = await cluster.namespace();
    const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'agent:1' }] } };
    await cluster.api.create(daemonSets, {
      metadata: { name: 'agent', namespace, labels },
      spec: { selector: { matchLabels: labels }, template },
    });
    const list = async (): Promise<ControllerRevision[]> =>
      (await cluster.api.list(controllerRevisions, { namespace, labelSelector: 'app=agent' })).items;
    const at = (revision: ControllerRevision | undefined) => ({ namespace, name: revision?.metadata.name ?? '' });
    await cluster.until('the revision', async () => (await list()).length === 1);
    const [first] = await list();
    expect(first).toMatchObject({ revision: 1, data: { spec: { template: { $patch: 'replace' } } } });
    expect(controllerOf(first as ControllerRevision)).toMatchObject({ kind: 'DaemonSet', name: 'agent' });
    const patched = await cluster.api.patch(controllerRevisions, at(first), {
      type: 'strategic',
      body: { metadata: { labels: { patched: 'yes' } } },
    });
    expect(patched.metadata.labels).toMatchObject({ patched: 'yes' });
    const { ownerReferences = [] } = patched.metadata;
    const byHand = await cluster.api.create(controllerRevisions, {
      metadata: { name: 'agent-by-hand', namespace, labels, ownerReferences },
      data: first?.data,
      revision: 3,
    });
    expect(await list()).toHaveLength(2);
    await cluster.api.delete(controllerRevisions, at(first));
    await cluster.quiet();
    const { status } = await cluster.api.get(daemonSets, { namespace, name: 'agent' });
    expect(status).toMatchObject({ updatedNumberScheduled: 1, numberReady: 1 });
    expect(status?.collisionCount).toBeUndefined();
    const replaced = await cluster.api.update(controllerRevisions, {
      ...byHand,
      metadata: { ...byHand.metadata, labels: { ...labels, replaced: 'yes' } },
    });
    expect(replaced.metadata.labels).toMatchObject({ replaced: 'yes' });
    await cluster.api.patch(
      daemonSets,
      { namespace, name: 'agent' },
      {
        type: 'strategic',
        body: { spec: { template: { spec: { terminationGracePeriodSeconds: 5 } } } },
      },
    );
    await cluster.until('a revision of the new template', async () =>
      (await list()).some(({ revision }) => revision > 3),
    );
    const path = `/apis/apps/v1/namespaces/${namespace}/controllerrevisions?labelSelector=replaced%3Dyes`;
    expect((await cluster.server.send('DELETE', path)).status).toBe(200);
    await cluster.until('one revision', async () => (await list()).length === 1);
    await cluster.quiet();
    const across = await cluster.api.list(controllerRevisions, { labelSelector: 'app=agent' });
    expect(across.items).toHaveLength(1);
  });
});
