/** Volumes of a node whose API servers are away, and of one that was off. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, pods, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { RemoteBed } from './remote-bed.ts';

const isRunning = ({ status }: Pod): boolean => status?.containerStatuses?.[0]?.state.running !== undefined;
const forever = ['sleep', '1000'];
const mounted = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };

describe('volumes of a node whose API servers are away', () => {
  let bed: RemoteBed;
  beforeAll(async () => {
    bed = await RemoteBed.start();
  }, 30_000);
  afterAll(() => bed?.stop());

  const directoryOf = ({ metadata: { uid = '' } }: Pod): string => join(bed.dataDir, 'node-agent', 'pods', uid);
  const set = (key: string) =>
    bed.server.api.patch(configMaps, { namespace: 'default', name: 'c' }, { type: 'merge', body: { data: { key } } });
  const untilText = (path: string, text: string) =>
    until(() => readFileSync(path, 'utf8') === text, { what: `${text} in the volume`, timeoutMs: 20_000 });

  it('keep what was seen last, also for containers that start, and follow again afterwards', async () => {
    await bed.server.api.create(configMaps, { metadata: { namespace: 'default', name: 'c' }, data: { key: 'one' } });
    const volumes = [{ name: 'v', configMap: { name: 'c' } }];
    const path = join(directoryOf(await bed.create('follows', forever, { volumes }, mounted)), 'volumes/v/key');
    await bed.pod('follows', 'running', isRunning);
    await set('two');
    await untilText(path, 'two');
    await bed.relay.cut();
    await set('three');
    const { pid = 0 } = await bed.runs('follows', 0);
    process.kill(pid, 'SIGKILL');
    await bed.runs('follows', 1);
    expect(readFileSync(path, 'utf8')).toBe('two');
    await bed.relay.mend();
    await untilText(path, 'three');
    const [container] = (await bed.containers('follows')).toReversed();
    await bed.crashNode();
    await bed.startNode();
    await set('four');
    await untilText(path, 'four');
    expect((await bed.containers('follows')).at(-1)?.id).toBe(container?.id);
  }, 60_000);

  it('that cannot be had are there as soon as their object is', async () => {
    const volumes = [{ name: 'v', configMap: { name: 'late' } }];
    await bed.create('waits', forever, { volumes }, mounted);
    const message = 'MountVolume.SetUp failed for volume "v" : configmap "late" not found';
    const waiting = await bed.pod(
      'waits',
      'waiting',
      ({ status }) => status?.containerStatuses?.[0]?.state.waiting?.message === message,
    );
    expect(waiting.status?.containerStatuses?.[0]?.state.waiting?.reason).toBe('ContainerCreating');
    await bed.server.api.create(configMaps, { metadata: { namespace: 'default', name: 'late' }, data: { key: 'x' } });
    await bed.pod('waits', 'running', isRunning);
  }, 30_000);

  it('go with pods that were deleted while the node was off', async () => {
    const pod = await bed.create('leaves', forever, { volumes: [{ name: 'v', emptyDir: {} }] }, mounted);
    await bed.pod('leaves', 'running', isRunning);
    expect(existsSync(join(directoryOf(pod), 'volumes/v'))).toBe(true);
    await bed.crashNode();
    await bed.server.api.delete(pods, { namespace: 'default', name: 'leaves' }, { gracePeriodSeconds: 0 });
    await bed.startNode();
    await until(() => !existsSync(directoryOf(pod)), { what: 'its directory to go', timeoutMs: 20_000 });
  }, 60_000);
});
