import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import type { Logger, Timers } from '@timonel/sdk';
import type { AttachRequest } from '@timonel/sdk/contracts/network';
import { run, TestNamespaces } from '@timonel/testkit/network-namespaces';
import { BridgeNetwork } from '../bridge-network.ts';
import type { NetworkBridgeConfig } from '../config.ts';
import { namesFor } from '../names.ts';

export const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
export const timers: Timers = createRealEnv().timers;
export const config = (podCidr: string): NetworkBridgeConfig => ({
  podCidr,
  clusterCidrs: [],
  mtuBytes: 0,
  overheadBytes: 0,
  masquerade: true,
});

export const request = (id: string, networkNamespace: string): AttachRequest => ({
  sandboxId: id,
  podUid: id,
  podNamespace: 'default',
  podName: id,
  networkNamespace,
});

/** One network in a directory of its own, with namespaces for its pods. */
export class Bed {
  readonly config: NetworkBridgeConfig;
  readonly #namespaces: TestNamespaces = new TestNamespaces();
  dataDir = '';
  network!: BridgeNetwork;

  constructor(podCidr: string, more: Partial<NetworkBridgeConfig> = {}) {
    this.config = { ...config(podCidr), ...more };
  }

  async open(): Promise<this> {
    this.dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    await this.restart();
    return this;
  }

  async restart(): Promise<BridgeNetwork> {
    await this.network?.stop();
    this.network = new BridgeNetwork(this.dataDir, this.config, log, timers);
    await this.network.start();
    return this.network;
  }

  /** The links of this bed's bridge. */
  async links(): Promise<readonly string[]> {
    const args = ['-j', 'link', 'show', 'master', namesFor(this.dataDir).bridge];
    return (JSON.parse((await run('ip', args)).stdout || '[]') as { ifname: string }[]).map(({ ifname }) => ifname);
  }

  makeNamespace(): Promise<string> {
    return this.#namespaces.make();
  }

  removeNamespace(path: string): Promise<void> {
    return this.#namespaces.remove(path);
  }

  async pod(id: string): Promise<{ path: string; address: string }> {
    const path = await this.makeNamespace();
    return { path, address: await this.attach(id, path) };
  }

  async attach(id: string, networkNamespace: string): Promise<string> {
    return (await this.network.attach(request(id, networkNamespace))).addresses[0] ?? '';
  }

  async close(): Promise<void> {
    await this.network.retain([]);
    await this.network.stop();
    await this.#namespaces.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

export const linkNames = async (): Promise<readonly string[]> =>
  (JSON.parse((await run('ip', ['-j', 'link'])).stdout) as { ifname: string }[]).map(({ ifname }) => ifname);
