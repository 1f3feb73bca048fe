/** The example of `docs/guides/write-a-volume-plugin.md`: by the contract, and in a pod. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import runtimeProcess from '@timonel/plugin-runtime-process';
import { volumeKinds, type VolumeKind } from '@timonel/sdk/contracts/volume';
import { pods, type Pod } from '@timonel/sdk/kube';
import { pluginSuite, startTestKernel } from '@timonel/testkit';
import { volumeKindContract } from '@timonel/testkit/contracts/volume';
import volumesTemplates from '../../../examples/plugins/volumes-templates.ts';
import { startBed, type Bed } from './bed.ts';

pluginSuite('volumes-templates', () => ({
  entry: { definition: volumesTemplates, source: 'built-in' },
  dependencies: [],
}));

const volumeOf = (options: Record<string, string>) => ({ flexVolume: { driver: 'example.dev/templates', options } });

volumeKindContract('the example', async () => {
  const kernel = await startTestKernel({ plugins: [volumesTemplates] });
  return {
    kind: kernel.service(volumeKinds).all()[0]?.service as VolumeKind,
    source: volumeOf({ motd: 'this is $(node)' }),
    broken: volumeOf({ '../motd': 'outside' }),
    close: async () => void (await kernel.stop()),
  };
});

describe('a volume plugin of one file', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startBed({ runtime: runtimeProcess, handler: 'process', more: [volumesTemplates] });
  }, 60_000);
  afterAll(() => bed.kernel.stop());

  const podWith = (volume: object, script: string) => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const command = ['sh', '-c', script, 'sh', '/v/motd'];
    const containers = [{ name: 'app', image: 'timonel.local/node:host', command, volumeMounts }];
    return { restartPolicy: 'Never', volumes: [{ name: 'v', ...volume }], containers };
  };

  it('gives pods their files, and follows the pod while it runs', async () => {
    const script = 'grep -q "web on node-1 is blue" "$1" && until grep -q green "$1"; do sleep 0.05; done';
    const template = "$(metadata.name) on $(node) is $(metadata.labels['color'])";
    await bed.create('web', podWith(volumeOf({ motd: template }), script), { labels: { color: 'blue' } });
    await bed.pod('web', 'running', ({ status }) => status?.phase === 'Running');
    const body = { metadata: { labels: { color: 'green' } } };
    await bed.api.patch(pods, { namespace: 'default', name: 'web' }, { type: 'merge', body });
    const over = await bed.pod('web', 'over', ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ''));
    expect(over.status?.phase).toBe('Succeeded');
  });

  it.each([
    ['a file that it cannot write', volumeOf({ '../motd': 'outside' }), '"../motd" is no name of a file'],
    [
      'a driver that nobody serves',
      { flexVolume: { driver: 'example.dev/other' } },
      'driver example.dev/other of kind',
    ],
  ])('keeps a pod waiting for %s, and says why', async (_what, volume, message) => {
    await bed.create('waits', podWith(volume, 'true'));
    const waiting = ({ status }: Pod) => status?.containerStatuses?.[0]?.state.waiting;
    const pod = await bed.pod('waits', 'waiting', (each) => waiting(each)?.message?.includes(message));
    expect(waiting(pod)).toMatchObject({ reason: 'ContainerCreating' });
    await bed.api.delete(pods, { namespace: 'default', name: 'waits' });
    await bed.gone('waits');
  });
});
