/** emptyDir volumes: directories of the node's disk, or of its memory. */
import { chmod, mkdir, rename, rm, stat, statfs } from 'node:fs/promises';
import type { DirectorySizes, Space } from '@timonel/sdk/linux';
import { VolumeError, type PreparedVolume, type VolumeRequest, type VolumeUsage } from '@timonel/sdk/contracts/volume';
import { wholeQuantity, type Pod, type ResourceRequirements } from '@timonel/sdk/kube';
import type { MemoryFilesystems } from './memory-filesystems.ts';
import { isMounted } from './mount-table.ts';
import { giveTo } from './owner.ts';

interface EmptyDirSource {
  readonly medium?: string;
  readonly sizeLimit?: string;
}

const sourceOf = ({ volume, key }: VolumeRequest): EmptyDirSource => volume[key] as EmptyDirSource;

export async function prepareEmptyDir(request: VolumeRequest, memory: MemoryFilesystems): Promise<PreparedVolume> {
  const { medium = '' } = sourceOf(request);
  const { directory: hostPath, pod } = request;
  if (medium === 'Memory') await prepareInMemory(request, memory);
  else if (medium === '') await prepareOnDisk(hostPath, pod.spec.securityContext?.fsGroup);
  else throw new VolumeError(`emptyDir medium "${medium}" is not supported by this node, which has "" and "Memory"`);
  return { hostPath };
}

/** Made beside its place and moved there, so that one that is there has its mode and group. */
async function prepareOnDisk(directory: string, group: number | undefined): Promise<void> {
  if ((await stat(directory).catch(() => undefined)) !== undefined) return;
  const making = `${directory}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making);
  if (group !== undefined) await giveTo(making, 0, group);
  // Every user of the pod may write; chmod because mkdir's mode passes the umask.
  await chmod(making, group === undefined ? 0o777 : 0o2777);
  await rename(making, directory);
}

async function prepareInMemory(request: VolumeRequest, memory: MemoryFilesystems): Promise<void> {
  const { directory, pod } = request;
  if (await isMounted(directory)) return;
  await mkdir(directory, { recursive: true });
  const { fsGroup } = pod.spec.securityContext ?? {};
  const group = fsGroup === undefined ? ['mode=0777'] : ['mode=2777', `gid=${fsGroup}`];
  const bytes = memorySize(request);
  await memory.mount(directory, Number.isFinite(bytes) ? [`size=${bytes}`, ...group] : group);
}

const bytesOf = (quantity: string | undefined): number => wholeQuantity(quantity ?? '0') ?? 0;

/** The least of its limit, what the pod may have, and what the node has. Infinite: nothing is said, so it gets what the kernel gives. */
export function memorySize(request: VolumeRequest): number {
  const { pod, node } = request;
  const bounds = [bytesOf(sourceOf(request).sizeLimit), memoryLimit(pod), bytesOf(node.allocatable['memory'])];
  return Math.min(...bounds.filter((bytes) => bytes > 0));
}

/** What all containers of the pod together may have; 0: there is no bound. */
function memoryLimit({ spec }: Pod): number {
  const { resources, containers, initContainers = [] } = spec;
  const whole = bytesOf((resources as ResourceRequirements | undefined)?.limits?.['memory']);
  if (whole > 0) return whole;
  const limits = (of: typeof containers): number[] => of.map((each) => bytesOf(each.resources?.limits?.['memory']));
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const running = limits([...containers, ...sidecars]);
  const starting = limits(initContainers);
  if ([...running, ...starting].includes(0)) return 0;
  return Math.max(
    running.reduce((sum, bytes) => sum + bytes, 0),
    ...starting,
  );
}

export function usageOfSpace({ bytes, inodes, isPartial = false }: Space): VolumeUsage {
  return { usedBytes: bytes, inodesUsed: inodes, medium: 'disk', ...(isPartial ? { isPartial } : {}) };
}

export async function emptyDirUsage(request: VolumeRequest, sizes: DirectorySizes): Promise<VolumeUsage | undefined> {
  const { medium = '', sizeLimit } = sourceOf(request);
  if (medium !== '') return memoryUsage(request.directory);
  const limitBytes = bytesOf(sizeLimit);
  const used = usageOfSpace(await sizes.of(request.directory));
  return limitBytes > 0 ? { ...used, limitBytes } : used;
}

/** The kernel keeps its size. */
async function memoryUsage(directory: string): Promise<VolumeUsage | undefined> {
  if (!(await isMounted(directory))) return undefined;
  const { bsize, blocks, bfree, files, ffree } = await statfs(directory);
  return {
    usedBytes: bsize * (blocks - bfree),
    inodesUsed: files - ffree,
    capacityBytes: bsize * blocks,
    availableBytes: bsize * bfree,
    medium: 'memory',
  };
}
