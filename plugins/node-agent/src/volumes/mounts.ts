/** The mounts that a container gets of the volumes of its pod. */
import type { Device, Mount, RuntimeInfo } from '@timonel/sdk/contracts/runtime';
import { VolumeError, type PreparedVolume } from '@timonel/sdk/contracts/volume';
import type { Container, Pod, Volume, VolumeMount } from '@timonel/sdk/kube';
import { ConfigError } from '../container/config-error.ts';
import { expand } from '../container/expand.ts';
import type { ReadyVolume } from './served-volumes.ts';
import { pathOfPart, type OpenParts } from './sub-path.ts';

const propagation: Record<string, Mount['propagation']> = {
  None: 'private',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

export interface MountContext {
  readonly pod: Pod;
  /** Makes a volume ready. @throws VolumeError */
  prepare(volume: Volume): Promise<ReadyVolume>;
  /** Of the runtime that gets the mounts. */
  readonly runtime?: Pick<RuntimeInfo, 'name' | 'recursiveReadOnlyMounts'>;
  /** Keeps parts of volumes open for the runtime. Absent: it gets their paths. */
  readonly parts?: OpenParts;
}

/** Prepares the volumes that the container uses. @throws ConfigError, VolumeError */
export async function volumeMounts(
  container: Container,
  env: ReadonlyMap<string, string>,
  context: MountContext,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  const ready = new Map<string, ReadyVolume>();
  for (const mount of container.volumeMounts ?? []) {
    const prepared = ready.get(mount.name) ?? (await readyVolume(mount.name, container, context));
    ready.set(mount.name, prepared);
    if (prepared.isDevice === true)
      throw new VolumeError(`volume "${mount.name}" is a device: it belongs into volumeDevices, not volumeMounts`);
    mounts.push({
      hostPath: await withSubPath(prepared, mount, env, context.parts),
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: mount.readOnly === true || prepared.readOnly === true,
      propagation: propagation[mount.mountPropagation ?? 'None'] ?? 'private',
      ...recursiveReadOnly(mount, context.runtime),
    });
  }
  return mounts;
}

/** The volumes that the container uses as devices. @throws ConfigError, VolumeError */
export async function volumeDevices(container: Container, context: MountContext): Promise<Device[]> {
  const devices: Device[] = [];
  for (const { name, devicePath } of container.volumeDevices ?? []) {
    const { hostPath, readOnly = false, isDevice = false } = await readyVolume(name, container, context);
    if (!isDevice)
      throw new VolumeError(`volume "${name}" is no device: it belongs into volumeMounts, not volumeDevices`);
    devices.push({ hostPath, containerPath: devicePath, permissions: readOnly ? 'r' : 'mrw' });
  }
  return devices;
}

async function readyVolume(name: string, container: Container, context: MountContext): Promise<ReadyVolume> {
  const volume = context.pod.spec.volumes?.find((entry) => entry.name === name);
  if (volume !== undefined) return context.prepare(volume);
  throw new ConfigError(`container ${container.name} mounts unknown volume "${name}"`);
}

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

/** The part of a volume that a mount names; made when absent, where it may be. Links that lead out of the volume are refused. */
async function withSubPath(
  { hostPath: root, readOnly = false }: PreparedVolume,
  mount: VolumeMount,
  env: ReadonlyMap<string, string>,
  parts: OpenParts | undefined,
): Promise<string> {
  const written = mount.subPathExpr ?? mount.subPath ?? '';
  if (written === '') return root;
  const subPath = mount.subPathExpr === undefined ? written : expandStrictly(written, env);
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new ConfigError(`subPath "${subPath}" of volume "${mount.name}" must be relative and must not contain ".."`);
  }
  const part = { root, subPath, volume: mount.name, mayBeMade: !readOnly };
  return parts === undefined ? pathOfPart(part) : parts.open(part);
}

function expandStrictly(text: string, env: ReadonlyMap<string, string>): string {
  return expand(text, (name) => {
    const value = env.get(name);
    if (value === undefined) throw new ConfigError(`missing value for "${name}" in subPathExpr "${text}"`);
    return value;
  });
}

/** Names of the volumes that containers of these names mount. */
export function mountedBy({ spec }: Pod, containers: ReadonlySet<string>): ReadonlySet<string> {
  const all = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const own = all.filter(({ name }) => containers.has(name));
  return new Set(
    own.flatMap(({ volumeMounts = [], volumeDevices: devices = [] }) =>
      [...volumeMounts, ...devices].map(({ name }) => name),
    ),
  );
}
