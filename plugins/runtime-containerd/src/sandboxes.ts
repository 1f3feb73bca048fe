import { mkdir } from 'node:fs/promises';
import { errorMessage, type Env } from '@timonel/sdk';
import {
  RuntimeError,
  type LinuxResources,
  type ResourceUpdate,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import type { ContainerdConfig } from './config.ts';
import { callCode, type Channel } from './cri/channel.ts';
import { checkId } from '@timonel/sdk/linux';
import type { PodGroups } from './pod-groups.ts';
import type { Records } from './records.ts';
import type { FoundSandbox, SandboxHoldings } from './sandbox-holdings.ts';
import { sandboxRequest } from './sandbox-request.ts';

export interface SandboxesOptions {
  readonly channel: Channel;
  readonly env: Env;
  readonly instance: string;
  readonly records: Records;
  readonly groups: PodGroups;
  readonly settings: ContainerdConfig;
  readonly holdings: SandboxHoldings;
}

/** Makes, lists and removes our sandboxes. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #inCreation = new Set<string>();

  constructor(options: SandboxesOptions) {
    this.#options = options;
  }

  find(id: string): Promise<FoundSandbox | undefined> {
    return this.#options.holdings.find(id);
  }

  async status(id: string): Promise<SandboxStatus | undefined> {
    const found = await this.find(id);
    return found === undefined ? undefined : this.#options.holdings.status(found);
  }

  async list(): Promise<SandboxStatus[]> {
    const { holdings } = this.#options;
    return await Promise.all((await holdings.all()).map((found) => holdings.status(found)));
  }

  /** `prepare` is run before containerd is asked. */
  async run(config: SandboxConfig, prepare: () => Promise<void>): Promise<SandboxStatus> {
    const { id } = config;
    checkId(id, 'FailedCreatePodSandBox');
    if (config.userNamespace !== undefined) {
      throw failed('containerd 1.6 has no user namespaces (hostUsers: false): let the pod use another RuntimeClass');
    }
    if (this.#inCreation.has(id)) throw failed(`sandbox ${id} is being made already`);
    this.#inCreation.add(id);
    try {
      if ((await this.find(id)) !== undefined) throw failed(`sandbox ${id} exists already`);
      return await this.#make(config, prepare);
    } catch (error) {
      throw (error as Error).name === 'RuntimeError' ? error : failed(errorMessage(error), error);
    } finally {
      this.#inCreation.delete(id);
    }
  }

  /** An unknown id is no error. */
  async stop(id: string): Promise<void> {
    const found = await this.find(id);
    if (found !== undefined) await this.#ifThere('StopPodSandbox', found.criId);
  }

  async remove(id: string): Promise<void> {
    const { groups, records } = this.#options;
    const found = await this.find(id);
    if (found === undefined) return;
    // Its network namespace must be gone before containerd removes it.
    await this.#ifThere('StopPodSandbox', found.criId);
    await this.#ifThere('RemovePodSandbox', found.criId);
    await groups.remove(id);
    records.remove(id);
  }

  async update(id: string, merge: (before: LinuxResources) => LinuxResources, update: ResourceUpdate): Promise<void> {
    const { groups, records } = this.#options;
    const found = await this.find(id);
    if (found === undefined) throw new RuntimeError('ResizeError', `there is no sandbox ${id}`);
    const before = (await records.read(id)).resources ?? found.config.resources;
    try {
      groups.update(id, update);
    } catch (error) {
      throw new RuntimeError('ResizeError', errorMessage(error), { cause: error });
    }
    await records.add(id, { resources: merge(before) });
  }

  /** For containerd, which wants it again with each container. */
  request(config: SandboxConfig): object {
    const { instance, settings, groups } = this.#options;
    const { unprivilegedPorts } = settings;
    return sandboxRequest(config, { instance, cgroup: `/${groups.of(config.id)}`, unprivilegedPorts });
  }

  /** Removes what belongs to no sandbox and to none of these containers. */
  async tidy(containers: ReadonlySet<string>): Promise<void> {
    const { groups, records, holdings } = this.#options;
    const before = groups.sandboxes();
    const recorded = records.ids();
    // Looked up afterwards: what is made meanwhile is not touched.
    const known = new Set([...(await holdings.all()).map(({ config }) => config.id), ...this.#inCreation]);
    for (const name of before) if (!known.has(name)) await groups.remove(name);
    for (const id of recorded) if (!known.has(id) && !containers.has(id)) records.remove(id);
  }

  async #make(config: SandboxConfig, prepare: () => Promise<void>): Promise<SandboxStatus> {
    const { channel, groups, settings, holdings } = this.#options;
    try {
      await mkdir(config.logDirectory, { recursive: true });
      await prepare();
      groups.create(config.id, config.resources);
      const { runtimeHandler } = settings;
      await channel.call('RunPodSandbox', { config: this.request(config), runtimeHandler });
      const found = await this.find(config.id);
      if (found === undefined) throw new Error('the sandbox went while it was made');
      return await holdings.status(found);
    } catch (error) {
      await this.remove(config.id).catch(() => undefined);
      await groups.remove(config.id);
      throw error;
    }
  }

  async #ifThere(method: 'StopPodSandbox' | 'RemovePodSandbox', podSandboxId: string): Promise<void> {
    try {
      await this.#options.channel.call(method, { podSandboxId });
    } catch (error) {
      if (callCode(error) !== 'NOT_FOUND') throw error;
    }
  }
}

function failed(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError('FailedCreatePodSandBox', message, { cause });
}
