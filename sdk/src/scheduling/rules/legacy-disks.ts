/** Disks named in pods themselves, which cannot be attached twice. Source: core/v1 Volume. */
import type { PodInfo } from '../../contracts/scheduler/index.ts';

export interface Disk {
  /** Disks of different kinds have nothing to do with each other. */
  readonly kind: 'gce' | 'aws' | 'iscsi' | 'rbd';
  readonly id: string;
  /** Whether the pods that read only can share it. */
  readonly readOnly: boolean;
  /** RBD: the same image counts only in the same cluster, which one monitor shows. */
  readonly monitors?: readonly string[];
}

interface Sources {
  readonly gcePersistentDisk?: { readonly pdName?: string; readonly readOnly?: boolean };
  readonly awsElasticBlockStore?: { readonly volumeID?: string };
  readonly iscsi?: { readonly iqn?: string; readonly readOnly?: boolean };
  readonly rbd?: {
    readonly monitors?: readonly string[];
    readonly pool?: string;
    readonly image?: string;
    readonly readOnly?: boolean;
  };
}

function diskOf({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Sources): Disk | undefined {
  if (gcePersistentDisk !== undefined) {
    return { kind: 'gce', id: gcePersistentDisk.pdName ?? '', readOnly: gcePersistentDisk.readOnly === true };
  }
  if (awsElasticBlockStore !== undefined) {
    return { kind: 'aws', id: awsElasticBlockStore.volumeID ?? '', readOnly: false };
  }
  if (iscsi !== undefined) return { kind: 'iscsi', id: iscsi.iqn ?? '', readOnly: iscsi.readOnly === true };
  if (rbd === undefined) return undefined;
  const { monitors = [], pool = 'rbd', image = '', readOnly = false } = rbd;
  return { kind: 'rbd', id: `${pool}/${image}`, readOnly, monitors };
}

const noDisks: readonly Disk[] = [];

export function disksOf({ pod }: PodInfo): readonly Disk[] {
  const { volumes } = pod.spec;
  if (volumes === undefined || volumes.length === 0) return noDisks;
  return volumes.flatMap((volume) => diskOf(volume as Sources) ?? []);
}

function isSame(a: Disk, b: Disk): boolean {
  if (a.kind !== b.kind || a.id !== b.id || (a.readOnly && b.readOnly)) return false;
  return a.monitors === undefined || a.monitors.some((monitor) => b.monitors?.includes(monitor) === true);
}

export function sharesDisk(mine: readonly Disk[], others: readonly Disk[]): boolean {
  return others.length > 0 && mine.some((disk) => others.some((other) => isSame(disk, other)));
}
