/** Volumes of a pod on this node's disk, and the mounts a container gets of them. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount, RootFilesystem, RuntimeInfo } from '@timonel/sdk/contracts/runtime';
import type { Container, Volume, VolumeMount } from '@timonel/sdk/kube';
import { ConfigError } from '../container/config-error.ts';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { expand } from '../container/expand.ts';
import type { ClaimVolumes } from './claim-volumes.ts';
import { mountImage } from './image-volumes.ts';
import { prepareHostPath, type HostPathSource } from './host-path.ts';
import { payloadOf, type PayloadContext } from './payload-sources.ts';
import { writePayload, type PayloadFile } from './payload.ts';
import { pathOfPart, type OpenParts } from './sub-path.ts';
import { volumeNode } from './volume-node.ts';

const propagation: Record<string, Mount['propagation']> = {
  None: 'private',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

export interface MountContext extends PayloadContext {
  /** Absent: claims are not supported. */
  readonly claims?: Pick<ClaimVolumes, 'mount'>;
  /** Those of image volumes, by name of the volume. */
  readonly images?: ReadonlyMap<string, RootFilesystem>;
  /** Of the runtime that gets the mounts. */
  readonly runtime?: Pick<RuntimeInfo, 'name' | 'recursiveReadOnlyMounts'>;
  /** Keeps parts of volumes open for the runtime. Absent: it gets their paths. */
  readonly parts?: OpenParts;
}

/** Prepares the volumes that the container uses. @throws ConfigError, VolumeError */
export async function volumeMounts(
  container: Container,
  volumesDirectory: string,
  env: ReadonlyMap<string, string>,
  context: MountContext,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = context.pod.spec.volumes?.find((entry) => entry.name === mount.name);
    if (volume === undefined)
      throw new ConfigError(`container ${container.name} mounts unknown volume "${mount.name}"`);
    const place = { directory: join(volumesDirectory, volume.name), node: volumeNode({ ...context, token: noToken }) };
    const claimed = await context.claims?.mount(context.pod, volume.name, place);
    const image = context.images?.get(volume.name);
    const root = claimed?.hostPath ?? (await prepareVolume(volume, volumesDirectory, context));
    mounts.push({
      hostPath: await withSubPath(root, mount, env, image === undefined, context.parts),
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: mount.readOnly === true || claimed?.readOnly === true || image !== undefined,
      propagation: propagation[mount.mountPropagation ?? 'None'] ?? 'private',
      ...recursiveReadOnly(mount, context.runtime),
    });
  }
  return mounts;
}

const noToken = (): Promise<never> =>
  Promise.reject(new VolumeError('this node gives no tokens of service accounts to volumes'));

/** Absent: as the runtime does it by itself. @throws ConfigError when it must be, and cannot */
function recursiveReadOnly(mount: VolumeMount, runtime: MountContext['runtime']): Pick<Mount, 'recursiveReadOnly'> {
  const wanted = mount.recursiveReadOnly;
  if (wanted === undefined || wanted === '') return {};
  if (wanted === 'Disabled') return { recursiveReadOnly: false };
  const able = runtime?.recursiveReadOnlyMounts === true;
  const fits = mount.readOnly === true && (mount.mountPropagation ?? 'None') === 'None';
  if (wanted === 'IfPossible') return { recursiveReadOnly: able && fits };
  if (wanted !== 'Enabled') throw new ConfigError(`recursiveReadOnly "${wanted}" of volume "${mount.name}" is unknown`);
  if (able && fits) return { recursiveReadOnly: true };
  const why = fits
    ? `runtime "${runtime?.name ?? ''}" cannot do it on this node`
    : 'it needs readOnly: true and no propagation';
  throw new ConfigError(`volume "${mount.name}" is to be mounted read-only recursively, but ${why}`);
}

async function prepareVolume(volume: Volume, volumesDirectory: string, context: MountContext): Promise<string> {
  const hostPath = volume['hostPath'] as HostPathSource | undefined;
  if (hostPath !== undefined) return prepareHostPath(hostPath);
  const image = context.images?.get(volume.name);
  if (image !== undefined) return mountImage(volume.name, image, volumesDirectory);
  const directory = join(volumesDirectory, volume.name);
  const group = context.pod.spec.securityContext?.fsGroup;
  const emptyDir = volume['emptyDir'] as { medium?: string } | undefined;
  if (emptyDir !== undefined) {
    const medium = emptyDir.medium ?? '';
    if (medium !== '') {
      throw new ConfigError(`volume "${volume.name}": emptyDir medium "${medium}" is not supported by this node`);
    }
    await prepareEmptyDir(directory, group);
    return directory;
  }
  const files = await payloadOf(volume, context);
  if (files === undefined) {
    const kind = Object.keys(volume).filter((key) => key !== 'name');
    const kinds =
      'emptyDir, hostPath, configMap, secret, downwardAPI, projected, image, persistentVolumeClaim and ephemeral';
    throw new ConfigError(
      `volume "${volume.name}": kind ${kind.join(', ')} is not supported by this node, which knows ${kinds}`,
    );
  }
  await writePayload(directory, files, versionOf(files), group);
  return directory;
}

/** By content: an unchanged volume is left as it is. */
function versionOf(files: readonly PayloadFile[]): string {
  const hash = createHash('sha256');
  for (const { path, mode, data } of files) hash.update(`${path}\0${mode}\0${data.length}\0`).update(data);
  return hash.digest('hex').slice(0, 24);
}

async function prepareEmptyDir(directory: string, group: number | undefined): Promise<void> {
  if ((await stat(directory).catch(() => undefined)) !== undefined) return;
  await mkdir(directory, { recursive: true });
  // Every user of the pod may write; chmod because mkdir's mode passes the umask.
  await chmod(directory, 0o777);
  if (group === undefined) return;
  await chown(directory, 0, group);
  await chmod(directory, 0o2777);
}

/** The part of a volume that a mount names; made when absent, but not in images. Links that lead out of the volume are refused. */
async function withSubPath(
  root: string,
  mount: VolumeMount,
  env: ReadonlyMap<string, string>,
  mayBeMade: boolean,
  parts: OpenParts | undefined,
): Promise<string> {
  const written = mount.subPathExpr ?? mount.subPath ?? '';
  if (written === '') return root;
  const subPath = mount.subPathExpr === undefined ? written : expandStrictly(written, env);
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new ConfigError(`subPath "${subPath}" of volume "${mount.name}" must be relative and must not contain ".."`);
  }
  const part = { root, subPath, volume: mount.name, mayBeMade };
  return parts === undefined ? pathOfPart(part) : parts.open(part);
}

function expandStrictly(text: string, env: ReadonlyMap<string, string>): string {
  return expand(text, (name) => {
    const value = env.get(name);
    if (value === undefined) throw new ConfigError(`missing value for "${name}" in subPathExpr "${text}"`);
    return value;
  });
}
