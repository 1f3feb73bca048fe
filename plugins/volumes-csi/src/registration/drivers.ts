/** The drivers that are registered on this node. */
import type { Env, Logger } from '@timonel/sdk';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import type { PluginHandler, PluginInfo } from '@timonel/sdk/node-plugins';
import type { NodeInfo } from '../node/messages.ts';
import { NodeService } from '../node/node-service.ts';

export interface DriversOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** A driver came or went: all that there are. */
  changed(drivers: ReadonlyMap<string, NodeInfo>): void;
}

interface Registered {
  readonly service: NodeService;
  readonly info: NodeInfo;
}

/** As names of CSIDriver objects. */
const namePattern = /^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/;
const nameLimit = 63;

export class Drivers implements PluginHandler {
  readonly type = 'CSIPlugin';
  readonly #options: DriversOptions;
  readonly #registered = new Map<string, Registered>();

  constructor(options: DriversOptions) {
    this.#options = options;
  }

  async register({ name, endpoint, supportedVersions }: PluginInfo): Promise<void> {
    if (name.length > nameLimit || !namePattern.test(name)) throw new Error(`"${name}" is no name of a CSI driver`);
    if (!supportedVersions.some((version) => /^v?1(\.\d+)*$/.test(version))) {
      const offered = supportedVersions.join(', ') || 'none';
      throw new Error(
        `driver ${name} supports none of the versions of CSI that this node speaks: 1.x (it has ${offered})`,
      );
    }
    const { env, timeoutMs } = this.#options;
    const service = new NodeService(name, endpoint, { env, timeoutMs });
    try {
      const info = await service.open();
      this.#registered.get(name)?.service.close();
      this.#registered.set(name, { service, info });
    } catch (error) {
      service.close();
      throw error;
    }
    this.#tell();
  }

  deregister({ name, endpoint }: PluginInfo): void {
    const known = this.#registered.get(name);
    // A newer one may serve under the name.
    if (known === undefined || known.service.endpoint !== endpoint) return;
    this.#registered.delete(name);
    known.service.close();
    this.#options.log.info({ driver: name }, 'CSI driver left');
    this.#tell();
  }

  /** @throws VolumeError */
  get(name: string): NodeService {
    const found = this.#registered.get(name)?.service;
    if (found === undefined)
      throw new VolumeError(`driver name ${name} not found in the list of registered CSI drivers`);
    return found;
  }

  close(): void {
    for (const { service } of this.#registered.values()) service.close();
    this.#registered.clear();
  }

  #tell(): void {
    this.#options.changed(new Map([...this.#registered].map(([name, { info }]) => [name, info])));
  }
}
