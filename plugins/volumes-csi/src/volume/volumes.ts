/** Stages, publishes and takes back volumes of CSI drivers. */
import { errorMessage, Turns, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { VolumeError, type MountedVolume, type VolumeUsage } from '@timonel/sdk/contracts/volume';
import { giveToGroup } from '@timonel/sdk/linux';
import { calls, usageUnit } from '../node/messages.ts';
import type { NodeService } from '../node/node-service.ts';
import type { Drivers } from '../registration/drivers.ts';
import { attachedMetadata } from './attachment.ts';
import { BackOff } from './back-off.ts';
import { DriverSpecs } from './driver-specs.ts';
import { expand, isToExpand } from './expand.ts';
import type { InUse } from './in-use.ts';
import { isMountPoint, makeDirectory, makeParent, removeMountPoint } from './mount-points.ts';
import type { VolumePaths } from './paths.ts';
import type { VolumeRecord, VolumeRecords } from './records.ts';
import { capabilityOf, groupToGive, secretOf, volumeContextOf, type DriverSpec } from './requests.ts';
import type { WantedVolume } from './wanted.ts';

export interface CsiVolumesOptions {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly nodeName: string;
  readonly attachTimeoutMs: number;
  readonly republishIntervalMs: number;
  readonly signal: AbortSignal;
  readonly drivers: Drivers;
  readonly paths: VolumePaths;
  readonly records: VolumeRecords;
  readonly inUse: InUse;
}

const turnOf = (driver: string, handle: string): string => `${driver}\0${handle}`;

export class CsiVolumes {
  readonly #options: CsiVolumesOptions;
  readonly #specs: DriverSpecs;
  readonly #turns = new Turns();
  readonly #backOff: BackOff;

  constructor(options: CsiVolumesOptions) {
    this.#options = options;
    this.#specs = new DriverSpecs(options.api);
    this.#backOff = new BackOff(options.env.clock);
  }

  /** @throws VolumeError */
  mount(wanted: WantedVolume): Promise<MountedVolume> {
    return this.#turns.run(turnOf(wanted.driver, wanted.handle), () => this.#mount(wanted));
  }

  /** All volumes of a pod. @throws VolumeError, after all were tried */
  async unmount(podUid: string): Promise<void> {
    const failures: unknown[] = [];
    for (const record of this.#options.records.of(podUid)) {
      const turn = turnOf(record.driverName, record.volumeHandle);
      await this.#turns.run(turn, () => this.#unmount(record)).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new VolumeError(failures.map(errorMessage).join('; '), { cause: failures[0] });
  }

  async usage(wanted: WantedVolume): Promise<VolumeUsage | undefined> {
    const { drivers, records } = this.#options;
    const record = records.get(wanted);
    if (record?.isPublished !== true || wanted.isBlock) return undefined;
    const service = drivers.get(wanted.driver);
    if (!service.can('getVolumeStats')) return undefined;
    const { usage } = await service.call(calls.nodeStats, {
      volumeId: wanted.handle,
      volumePath: record.targetPath,
      stagingTargetPath: record.stagingPath,
    });
    const bytes = usage.find(({ unit }) => unit === usageUnit.bytes);
    if (bytes === undefined) return undefined;
    const inodesUsed = usage.find(({ unit }) => unit === usageUnit.inodes)?.used ?? 0;
    const { used, total, available } = bytes;
    return { usedBytes: used, inodesUsed, capacityBytes: total, availableBytes: available, medium: 'own' };
  }

  async #mount(wanted: WantedVolume): Promise<MountedVolume> {
    const { drivers, records, api } = this.#options;
    const before = records.get(wanted);
    const isReady = before?.isPublished === true && (await isMountPoint(before.targetPath));
    // Nobody needs the driver, or the API, for what is there.
    if (isReady) {
      if (before.requiresRepublish) await this.#republish(wanted);
      if (isToExpand(wanted)) await expand(wanted, before, drivers.get(wanted.driver), api);
      return this.#answer(wanted, before);
    }
    const service = drivers.get(wanted.driver);
    const record = await this.#publish(wanted, service, { isMounted: false });
    if (isToExpand(wanted)) await expand(wanted, record, service, api);
    return this.#answer(wanted, record);
  }

  /** The pod has its volume, and starts containers with it, also when its driver is away. */
  async #republish(wanted: WantedVolume): Promise<void> {
    const { drivers, log } = this.#options;
    try {
      await this.#publish(wanted, drivers.get(wanted.driver), { isMounted: true });
    } catch (error) {
      const { name, namespace } = wanted.pod.metadata;
      log.warn(
        { pod: name, namespace, volume: wanted.specName, error: errorMessage(error) },
        'volume not published again, will retry',
      );
    }
  }

  #answer({ bound }: WantedVolume, { targetPath, requiresRepublish }: VolumeRecord): MountedVolume {
    const { republishIntervalMs } = this.#options;
    return {
      hostPath: targetPath,
      // A claim that grows is seen by its volume.
      ...(bound === undefined ? {} : { follows: true }),
      ...(requiresRepublish ? { refreshAfterMs: republishIntervalMs } : {}),
    };
  }

  async #publish(
    wanted: WantedVolume,
    service: NodeService,
    { isMounted }: { readonly isMounted: boolean },
  ): Promise<VolumeRecord> {
    const { records, inUse } = this.#options;
    const spec = await this.#specs.get(wanted.driver);
    checkLifecycle(wanted, spec);
    const isAttached = wanted.lifecycle === 'Persistent' && spec.attachRequired !== false;
    const record = this.#recordOf(wanted, service, isAttached, spec);
    await records.write(record);
    if (isAttached) await inUse.tell();
    const publishContext = isAttached
      ? await attachedMetadata(wanted, { ...this.#options, timeoutMs: this.#options.attachTimeoutMs })
      : {};
    const common = {
      volumeId: wanted.handle,
      publishContext,
      volumeCapability: capabilityOf(wanted, service),
    };
    if (record.stagingPath !== '' && !isMounted) {
      await makeDirectory(record.stagingPath);
      await service.call(calls.nodeStage, {
        ...common,
        stagingTargetPath: record.stagingPath,
        secrets: await secretOf(wanted, wanted.stageSecret),
        volumeContext: wanted.attributes,
      });
    }
    await makeParent(record.targetPath);
    await service.call(calls.nodePublish, {
      ...common,
      stagingTargetPath: record.stagingPath,
      targetPath: record.targetPath,
      readonly: wanted.readOnly,
      secrets: await secretOf(wanted, wanted.publishSecret),
      volumeContext: await volumeContextOf(wanted, spec),
    });
    await checkMounted(wanted, record.targetPath);
    const group = groupToGive(wanted, spec, service);
    // Once for each mount: while the pod runs, its files are its own matter.
    if (group !== undefined && !isMounted) await give(record.targetPath, group, wanted.fsGroupChangePolicy);
    const published = { ...record, isPublished: true };
    await records.write(published);
    return published;
  }

  #recordOf(wanted: WantedVolume, service: NodeService, isAttached: boolean, spec: DriverSpec): VolumeRecord {
    const { paths, records } = this.#options;
    const { driver, handle, specName, podUid, isBlock, lifecycle } = wanted;
    const stages = lifecycle === 'Persistent' && service.can('stageUnstageVolume');
    return {
      driverName: driver,
      volumeHandle: handle,
      specVolID: specName,
      volumeLifecycleMode: lifecycle,
      podUid,
      isBlock,
      isAttached,
      targetPath: paths.target(wanted),
      stagingPath: stages ? paths.staging(wanted) : '',
      // Publishing again, for a pod that runs, changes nothing of what it has if it fails.
      isPublished: records.get(wanted)?.isPublished ?? false,
      requiresRepublish: spec.requiresRepublish === true,
    };
  }

  async #unmount(record: VolumeRecord): Promise<void> {
    const service = this.#options.drivers.get(record.driverName);
    await this.#backOff.run(record.targetPath, service, () => this.#takeBack(record, service));
  }

  async #takeBack(record: VolumeRecord, service: NodeService): Promise<void> {
    const { records, inUse } = this.#options;
    const { volumeHandle, targetPath, stagingPath } = record;
    await records.write({ ...record, isPublished: false });
    await service.call(calls.nodeUnpublish, { volumeId: volumeHandle, targetPath });
    await removeMountPoint(targetPath);
    if (stagingPath !== '' && records.others(record).length === 0) {
      await service.call(calls.nodeUnstage, { volumeId: volumeHandle, stagingTargetPath: stagingPath });
      await removeMountPoint(stagingPath);
    }
    await records.remove(record);
    if (record.isAttached) inUse.changed();
  }
}

/** Without a mount the containers would write to the node's own disk, and lose it. @throws VolumeError */
async function checkMounted({ driver, isBlock }: WantedVolume, target: string): Promise<void> {
  if (isBlock || (await isMountPoint(target))) return;
  throw new VolumeError(
    `driver ${driver} says that it has published the volume, but nothing is mounted at ${target}: a driver in a container needs mountPropagation: Bidirectional for the directory of pods, which must be on a shared mount (findmnt -o TARGET,PROPAGATION -T ${target})`,
  );
}

async function give(path: string, group: number, policy: WantedVolume['fsGroupChangePolicy']): Promise<void> {
  await giveToGroup(path, group, policy).catch((error: unknown) => {
    throw new VolumeError(errorMessage(error), { cause: error });
  });
}

function checkLifecycle(
  { lifecycle, driver }: WantedVolume,
  { volumeLifecycleModes = ['Persistent'] }: DriverSpec,
): void {
  if (volumeLifecycleModes.includes(lifecycle)) return;
  const modes = volumeLifecycleModes.map((mode) => `"${mode}"`).join(' ');
  throw new VolumeError(`volume mode "${lifecycle}" not supported by driver ${driver} (only supports [${modes}])`);
}
