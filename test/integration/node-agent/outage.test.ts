/** Every API server is away: the node goes on, and nothing is lost when they return. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, pods, secrets, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { RemoteBed } from './remote-bed.ts';

const ready = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const first = (pod: Pod) => pod.status?.containerStatuses?.[0];
const forever = ['sleep', '1000'];

describe('a node whose API servers are away', () => {
  let bed: RemoteBed;
  beforeAll(async () => {
    bed = await RemoteBed.start();
  }, 30_000);
  afterAll(() => bed?.stop());

  it('keeps its pods, restarts what crashes, and reports it when they return', async () => {
    await bed.create('calm', forever);
    await bed.create('crashing', forever);
    const calm = await bed.pod('calm', 'ready', ready);
    await bed.pod('crashing', 'ready', ready);
    const running = await bed.runs('crashing', 0);
    await bed.relay.cut();
    process.kill(running.pid ?? 0, 'SIGKILL');
    await bed.runs('crashing', 1);
    await bed.relay.mend();
    const after = await bed.pod('crashing', 'its restart to be reported', (pod) => first(pod)?.restartCount === 1);
    expect(first(after)?.lastState?.terminated).toMatchObject({ exitCode: 137 });
    await bed.pod('crashing', 'ready', ready);
    expect(first(await bed.get('calm'))).toEqual(first(calm));
    expect(await bed.containers('calm')).toHaveLength(1);
  }, 60_000);

  it('restarts containers with the configuration it last saw', async () => {
    await bed.server.api.create(configMaps, {
      metadata: { name: 'cm', namespace: 'default' },
      data: { key: 'from-cm' },
    });
    await bed.server.api.create(secrets, {
      metadata: { name: 'sec', namespace: 'default' },
      data: { key: Buffer.from('from-secret').toString('base64') },
    });
    const env = [
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'key' } } },
      { name: 'B', valueFrom: { secretKeyRef: { name: 'sec', key: 'key' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: 'none', key: 'key', optional: true } } },
    ];
    await bed.create('configured', forever, {}, { env });
    await bed.pod('configured', 'ready', ready);
    const running = await bed.runs('configured', 0);
    await bed.relay.cut();
    process.kill(running.pid ?? 0, 'SIGKILL');
    const again = await bed.runs('configured', 1);
    const environment = readFileSync(`/proc/${again.pid ?? 0}/environ`, 'utf8').split('\0');
    expect(environment).toEqual(expect.arrayContaining(['A=from-cm', 'B=from-secret']));
    await bed.relay.mend();
    await bed.pod('configured', 'its restart to be reported', (pod) => first(pod)?.restartCount === 1);
  }, 60_000);

  it('goes on after a crash of its own: containers are taken over, and restarted when they crash', async () => {
    const before = await bed.get('calm');
    const [held] = await bed.containers('calm');
    await bed.relay.cut();
    await bed.crashNode();
    await bed.startNode();
    expect((await bed.containers('calm')).map(({ id }) => id)).toEqual([held?.id]);
    const configured = await bed.runs('configured', 1);
    process.kill(configured.pid ?? 0, 'SIGKILL');
    const again = await bed.runs('configured', 2);
    expect(readFileSync(`/proc/${again.pid ?? 0}/environ`, 'utf8').split('\0')).toContain('B=from-secret');
    await bed.relay.mend();
    await bed.pod('configured', 'its restart to be reported', (pod) => first(pod)?.restartCount === 2);
    await until(() => bed.nodeReady(), { what: 'the node to be Ready' });
    expect(first(await bed.get('calm'))).toEqual(first(before));
    expect((await bed.containers('calm')).map(({ id }) => id)).toEqual([held?.id]);
  }, 60_000);

  it('removes pods that were deleted while it was away, and only those', async () => {
    await bed.relay.cut();
    await bed.crashNode();
    await bed.server.api.delete(pods, { namespace: 'default', name: 'crashing' }, { gracePeriodSeconds: 0 });
    await bed.startNode();
    // It knows no better than that the pod is still wanted.
    const crashing = await bed.runs('crashing', 1);
    process.kill(crashing.pid ?? 0, 'SIGKILL');
    await bed.runs('crashing', 2);
    await bed.relay.mend();
    await until(async () => (await bed.containers('crashing')).length === 0, {
      what: 'the deleted pod to be removed',
      timeoutMs: 15_000,
    });
    expect(await bed.containers('calm')).toHaveLength(1);
    expect(await bed.containers('configured')).not.toHaveLength(0);
  }, 60_000);

  it('keeps what it needs for that in a file that nobody else may read, and nothing more', async () => {
    const file = join(bed.dataDir, 'node-agent', 'checkpoint.json');
    const text = (): string => readFileSync(file, 'utf8');
    const secret = Buffer.from('from-secret').toString('base64');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(text()).not.toContain(secret);
    expect(text()).toContain('"sealed":');
    await until(() => !text().includes('crashing'), { what: 'the pod that is gone to be forgotten' });
    await bed.server.api.delete(pods, { namespace: 'default', name: 'configured' }, { gracePeriodSeconds: 0 });
    await until(() => !text().includes('"sealed":'), { what: 'the secret of a pod that is gone to be forgotten' });
    expect(text()).toContain('calm');
  }, 30_000);
});
