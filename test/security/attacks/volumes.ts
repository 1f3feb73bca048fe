import { mkdirSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { errorCode } from '@timonel/sdk';
import { wholeQuantity, type Container, type Pod } from '@timonel/sdk/kube';
import { unmountAll } from '@timonel/sdk/linux';
import { volumeMounts } from '../../../plugins/node-agent/src/volumes/mounts.ts';
import { OpenParts } from '../../../plugins/node-agent/src/volumes/sub-path.ts';
import { coreKinds } from '../../../plugins/volumes-core/src/core-kinds.ts';
import { volumeRequest } from '../../../sdk/testkit/src/volume-requests.ts';
import { judge, stopped, through, type Attack } from '../attack.ts';
import type { AttackBed, Ended } from '../bed.ts';

/** As the node's agent mounts the directory `part` of a volume into a container, which looks for the node's mark there. */
async function mountPart(bed: AttackBed, sandbox: string, volume: string): Promise<Ended | string> {
  const app = {
    name: 'app',
    volumeMounts: [{ name: 'v', mountPath: '/vol', subPath: 'part' }],
  } as unknown as Container;
  const spec = { containers: [app], volumes: [{ name: 'v', hostPath: { path: volume } }] };
  const pod = { metadata: { name: 'p', namespace: 'default' }, spec } as unknown as Pod;
  const parts = new OpenParts();
  const held = (await bed.runtime.info()).mountsOpenFiles === true ? { parts } : {};
  try {
    const prepare = (): Promise<{ hostPath: string }> => Promise.resolve({ hostPath: volume });
    const mounts = await volumeMounts(app, new Map(), { pod, prepare, ...held });
    return await bed.tried(['cat', '/vol/mark'], { mounts }, sandbox);
  } catch (error) {
    // What is exchanged at the wrong moment is refused, or no directory just then.
    if ((error as Error).name === 'ConfigError' || ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? ''))
      return 'refused';
    throw error;
  } finally {
    await parts.close();
  }
}

const mebibyte = 1024 ** 2;

/** Fills an emptyDir that the node made in its memory for this pod. */
async function fillMemory(bed: AttackBed, sizeLimit: string | undefined, limit: string | undefined): Promise<string> {
  const directory = join(bed.directory(), 'v');
  const resources = limit === undefined ? {} : { limits: { memory: limit } };
  const spec = { containers: [{ name: 'app', resources }] };
  const pod = { metadata: { name: 'p', namespace: 'default' }, spec } as unknown as Pod;
  const volume = { name: 'v', emptyDir: { medium: 'Memory', ...(sizeLimit === undefined ? {} : { sizeLimit }) } };
  const { hostPath } = await coreKinds(createRealEnv()).prepare(volumeRequest(volume, { pod, directory }));
  try {
    const bounded = limit === undefined ? {} : { resources: { memoryLimitBytes: wholeQuantity(limit) ?? 0 } };
    const mounts = [{ hostPath, containerPath: '/vol', readOnly: false, propagation: 'private' as const }];
    const { status, output } = await bed.run(['attacker', 'fill', '/vol/f', '200'], { mounts, ...bounded });
    const { blocks, bfree, bsize } = statfsSync(hostPath);
    const used = Math.round(((blocks - bfree) * bsize) / mebibyte);
    return used > 40 ? `ok ${used} MiB` : output === '' ? status.reason : output;
  } finally {
    await bed.removeAll();
    await unmountAll(directory);
  }
}

export const volumeAttacks: readonly Attack[] = [
  {
    name: 'fill an emptyDir that is in memory',
    area: 'Volumes',
    what: '200 MiB where the volume has a sizeLimit of 32 MiB, and where it has none and the pod 32 MiB of memory: how much is there?',
    protection:
      'size of the tmpfs: the least of its limit, the memory of the pod and that of the node; memory control group',
    async run(bed) {
      return judge(`${await fillMemory(bed, '32Mi', undefined)}\n${await fillMemory(bed, undefined, '32Mi')}`);
    },
  },
  {
    name: 'exchange the subPath of a volume for a link while it is mounted (CVE-2017-1002101, CVE-2021-25741)',
    area: 'Volumes',
    what: 'one container swaps a directory and a link to a directory of the node without end; others mount that subPath until 20 are made: does one read the mark of the node?',
    protection:
      'each step is opened without following links, and what was opened is mounted, by every isolating runtime',
    async run(bed) {
      const volume = bed.directory();
      mkdirSync(join(volume, 'part'));
      writeFileSync(join(volume, 'part/mark'), 'own');
      symlinkSync(bed.host.directory, join(volume, 'link'));
      const sandbox = await bed.sandbox();
      const mounts = [{ hostPath: volume, containerPath: '/all', readOnly: false, propagation: 'private' as const }];
      const swapper = await bed.start(['attacker', 'swap', '/all/part', '/all/link'], { mounts }, sandbox);
      await bed.printed(swapper, 'begun');
      const counts = { mounted: 0, refused: 0, reached: 0 };
      for (let i = 0; i < 600 && counts.mounted + counts.reached < 20; i++) {
        const ended = await mountPart(bed, sandbox, volume);
        if (typeof ended === 'string') counts.refused++;
        else if (ended.output.includes(bed.host.secret)) counts.reached++;
        else counts.mounted++;
      }
      if (counts.reached > 0) return through(`${counts.reached} read a file of the node`);
      return counts.mounted > 0 ? stopped('each is the directory, or refused') : through('none was made');
    },
  },
];
