/** configMap, secret, downwardAPI and projected volumes: files that follow what they are made of. */
import { createHash } from 'node:crypto';
import type { Env } from '@timonel/sdk';
import type { PreparedVolume, VolumeRequest } from '@timonel/sdk/contracts/volume';
import { filesOf, projectedFiles, type Payload } from './sources.ts';
import type { PayloadFile } from './payload-file.ts';
import { writePayload } from './write.ts';

export async function preparePayload(request: VolumeRequest, { clock }: Pick<Env, 'clock'>): Promise<PreparedVolume> {
  const { directory, key, pod } = request;
  const { files, renewAfterMs } =
    key === 'projected' ? await projectedFiles(request, clock.now()) : await payloadOf(request, clock.now());
  const group = pod.spec.securityContext?.fsGroup;
  await writePayload(directory, files, { version: versionOf(files, group), group });
  const refresh = renewAfterMs === undefined ? {} : { refreshAfterMs: renewAfterMs };
  return { hostPath: directory, readOnly: true, follows: true, ...refresh };
}

const payloadOf = async ({ volume, pod, node, directory }: VolumeRequest, nowMs: number): Promise<Payload> =>
  (await filesOf(volume, { pod, node, mode: undefined, directory, nowMs })) ?? { files: [] };

/** By content: an unchanged volume is left as it is. */
function versionOf(files: readonly PayloadFile[], group: number | undefined): string {
  const hash = createHash('sha256').update(`${group}\0`);
  for (const { path, mode, user, data } of files)
    hash.update(`${path}\0${mode}\0${user}\0${data.length}\0`).update(data);
  return hash.digest('hex').slice(0, 24);
}
