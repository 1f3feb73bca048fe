/** A node with CSI volumes alone, in one process with a real API server, and drivers that are processes of their own. Needs root. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import volumesCsi from '@timonel/plugin-volumes-csi';
import {
  volumeDrivers,
  volumeKinds,
  type VolumeDriver,
  type VolumeKind,
  type VolumePod,
} from '@timonel/sdk/contracts/volume';
import { csiDrivers, csiNodes, type CsiDriver, type PersistentVolume, type Pod } from '@timonel/sdk/kube';
import { mountTable } from '@timonel/sdk/linux';
import { volumeMountRequest } from '@timonel/testkit';
import { startCluster, type Cluster } from '../../conformance/support/cluster.ts';
import { CsiDriverProcess, type CsiDriverSettings } from './index.ts';

export const driverName = 'csi.example.com';

export class Bed implements AsyncDisposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'timonel-csi-'));
  readonly kubelet: string = join(this.root, 'kubelet');
  readonly drivers: CsiDriverProcess[] = [];
  cluster: Cluster | undefined;

  async startNode(config: Record<string, unknown> = {}): Promise<this> {
    this.cluster = await startCluster({
      controllers: [],
      plugins: [volumesCsi],
      config: {
        'volumes-csi': { nodeName: 'node-0', kubeletDirectory: this.kubelet, attachTimeoutMs: 100, ...config },
      },
      nodes: 1,
      scheduler: false,
    });
    return this;
  }

  get api(): Cluster['api'] {
    if (this.cluster === undefined) throw new Error('the node was not started');
    return this.cluster.api;
  }

  get driver(): VolumeDriver {
    const found = this.cluster?.server.kernel.service(volumeDrivers).all()[0]?.service;
    if (found === undefined) throw new Error('nobody mounts volumes');
    return found;
  }

  get kind(): VolumeKind {
    const found = this.cluster?.server.kernel.service(volumeKinds).all()[0]?.service;
    if (found === undefined) throw new Error('nobody serves volumes of pods');
    return found;
  }

  async addDriver(
    spec: NonNullable<CsiDriver['spec']> | undefined = { attachRequired: false },
    settings: Partial<CsiDriverSettings> = {},
  ): Promise<CsiDriverProcess> {
    const process_ = new CsiDriverProcess({
      name: driverName,
      registry: join(this.kubelet, 'plugins_registry'),
      directory: join(this.root, settings.name ?? 'driver'),
      ...settings,
    });
    this.drivers.push(process_);
    await process_.start();
    const name = settings.name ?? driverName;
    if (spec !== undefined) await this.api.create(csiDrivers, { metadata: { name }, spec });
    await this.registered(name);
    return process_;
  }

  registered(name: string = driverName): Promise<unknown> {
    return this.until(`${name} to be registered`, async () => {
      const { spec } = await this.api.get(csiNodes, { name: 'node-0' });
      return spec?.drivers?.some((driver) => driver.name === name);
    });
  }

  until<T>(what: string, condition: () => T | Promise<T>): Promise<unknown> {
    if (this.cluster === undefined) throw new Error('the node was not started');
    return this.cluster.until(what, condition, 15_000);
  }

  async mounts(): Promise<string[]> {
    return (await mountTable()).map(({ path }) => path).filter((path) => path.startsWith(this.root));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster?.[Symbol.asyncDispose]();
    for (const driver of this.drivers) await driver.stop();
    const left = await this.mounts();
    for (const path of left.toReversed()) execFileSync('umount', ['--lazy', path]);
    rmSync(this.root, { recursive: true, force: true });
  }
}

let handles = 0;
export function volumeOf(driver: CsiDriverProcess, more: PersistentVolume['spec'] = {}): PersistentVolume {
  handles += 1;
  const volumeHandle = `volume-${handles}`;
  driver.addVolume(volumeHandle);
  const { csi, ...rest } = more;
  return {
    metadata: { name: `pv-${handles}` },
    spec: { csi: { driver: driver.settings.name, volumeHandle, ...csi }, accessModes: ['ReadWriteOnce'], ...rest },
  };
}

export function requestOf(
  volume: PersistentVolume,
  uid = 'pod-a',
  more: Partial<Parameters<typeof volumeMountRequest>[0]> = {},
) {
  const pod = { namespace: 'x', name: uid, uid };
  const podObject: Pod = {
    metadata: { ...pod },
    spec: {
      serviceAccountName: 'robot',
      containers: [],
      ...(more.fsGroup === undefined ? {} : { securityContext: { fsGroup: more.fsGroup } }),
    },
  };
  return volumeMountRequest({ volume, pod, podObject, ...more });
}

export const podA: VolumePod = { namespace: 'x', name: 'pod-a', uid: 'pod-a' };
