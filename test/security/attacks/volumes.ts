import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, Pod } from '@timonel/sdk/kube';
import { volumeMounts } from '../../../plugins/node-agent/src/volumes/mounts.ts';
import { OpenParts } from '../../../plugins/node-agent/src/volumes/sub-path.ts';
import { stopped, through, type Attack } from '../attack.ts';
import type { AttackBed, Ended } from '../bed.ts';

const facts = { nodeName: 'n', nodeAddress: '192.0.2.1', podAddresses: [], allocatable: {} };
const sources = { configMap: () => Promise.resolve(undefined), secret: () => Promise.resolve(undefined) };

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
    const mounts = await volumeMounts(app, volume, new Map(), { pod, facts, sources, ...held });
    return await bed.tried(['cat', '/vol/mark'], { mounts }, sandbox);
  } catch {
    return 'refused';
  } finally {
    await parts.close();
  }
}

export const volumeAttacks: readonly Attack[] = [
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
