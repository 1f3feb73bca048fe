import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { checkId } from '@timonel/sdk/linux';
import {
  RuntimeError,
  stopSignalNumber,
  updatedResources,
  type ContainerConfig,
  type ContainerStats,
  type ContainerStatus,
  type ResourceUpdate,
} from '@timonel/sdk/contracts/runtime';
import type { ContainerHoldings, FoundContainer } from './container-holdings.ts';
import { checkContainer, containerRequest, logPathOf, type StoredContainer } from './container-request.ts';
import { callCode, type Channel } from './cri/channel.ts';
import { containerStates } from './cri/types.ts';
import { execIdOf } from './cri/messages.ts';
import type { Importer } from './image/importer.ts';
import type { OpenedMounts } from './opened-mounts.ts';
import type { PodGroups } from './pod-groups.ts';
import type { Records } from './records.ts';
import { criResources, taskResources } from './resources.ts';
import type { FoundSandbox } from './sandbox-holdings.ts';
import { specAdditions, withLimits } from './spec-additions.ts';
import { addToSpec, isComplete } from './spec-record.ts';
import type { Sandboxes, SandboxesOptions } from './sandboxes.ts';
import { statsOf } from './stats.ts';
import { startFailure } from './start-failure.ts';
import type { Watcher } from './watcher.ts';

export interface ContainersOptions extends Omit<SandboxesOptions, 'holdings'> {
  readonly channel: Channel;
  readonly records: Records;
  readonly opened: OpenedMounts;
  readonly groups: PodGroups;
  readonly watcher: Watcher;
  readonly holdings: ContainerHoldings;
  readonly sandboxes: Sandboxes;
  readonly importer: Importer;
}

const resourcesType = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources';
const sigkill = 9;
const lookMs = 100;
/** A process in uninterruptible sleep does not die at once. */
const dyingMs = 10_000;
const statusesAtOnce = 50;

/** Makes, runs, ends and removes our containers. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #inCreation = new Set<string>();

  constructor(options: ContainersOptions) {
    this.#options = options;
  }

  async status(id: string): Promise<ContainerStatus | undefined> {
    const found = await this.#options.holdings.find(id);
    return found === undefined ? undefined : this.#options.holdings.fresh(found.criId);
  }

  async list(): Promise<ContainerStatus[]> {
    const { holdings } = this.#options;
    const found = await holdings.all();
    const statuses: ContainerStatus[] = [];
    for (let at = 0; at < found.length; at += statusesAtOnce) {
      const some = found.slice(at, at + statusesAtOnce).map((each) => holdings.listed(each));
      for (const status of await Promise.all(some)) if (status !== undefined) statuses.push(status);
    }
    return statuses;
  }

  async create(config: ContainerConfig): Promise<ContainerStatus> {
    const { id } = config;
    checkId(id, 'CreateContainerConfigError');
    checkContainer(config);
    const exists = createFailure(`container ${id} exists already`);
    if (this.#inCreation.has(id)) throw exists;
    this.#inCreation.add(id);
    try {
      const sandbox = await this.#options.sandboxes.find(config.sandboxId);
      if (sandbox?.ready !== true) {
        throw createFailure(`sandbox ${config.sandboxId} ${sandbox === undefined ? 'does not exist' : 'is not ready'}`);
      }
      if ((await this.#options.holdings.find(id)) !== undefined) throw exists;
      return await this.#make(config, sandbox);
    } catch (error) {
      throw (error as Error).name === 'RuntimeError' ? error : failureOfCreate(config, error);
    } finally {
      this.#inCreation.delete(id);
    }
  }

  async start(id: string): Promise<void> {
    const { channel, holdings, watcher } = this.#options;
    const found = await this.#found(id, 'StartError');
    const status = await holdings.fresh(found.criId);
    if (status?.state === 'running') return;
    if (status?.state !== 'created') {
      throw new RuntimeError('StartError', `container ${id} has ended already: make a new one`);
    }
    if (!(await isComplete(channel, found.criId))) {
      throw new RuntimeError('StartError', `container ${id} was made in part only: make a new one`);
    }
    try {
      await channel.call('StartContainer', { containerId: found.criId });
    } catch (error) {
      void watcher.look();
      throw startFailure(error);
    }
    await watcher.look();
  }

  async stop(id: string, gracePeriodMs: number): Promise<void> {
    const { holdings, records, env, watcher } = this.#options;
    const found = await holdings.find(id);
    const status = found === undefined ? undefined : await holdings.fresh(found.criId);
    if (found === undefined || status === undefined || status.state === 'exited') return;
    if (status.state === 'created') {
      await records.add(id, { stoppedUnstarted: env.clock.now() });
      holdings.forget(found.criId);
      return;
    }
    if (gracePeriodMs > 0 && (await this.#asked(found, gracePeriodMs))) {
      await watcher.look();
      return;
    }
    await this.#kill(found);
    await watcher.look();
  }

  async remove(id: string): Promise<void> {
    const { channel, holdings } = this.#options;
    const found = await holdings.find(id);
    if (found === undefined) return;
    if (found.criState === containerStates.running) await this.#kill(found);
    await ifThere(channel.call('RemoveContainer', { containerId: found.criId }));
    await this.#forget(id);
  }

  /** Before a sandbox is stopped, which kills them. */
  async expectKill(sandboxId: string): Promise<void> {
    const running = (await this.#of(sandboxId)).filter(({ criState }) => criState === containerStates.running);
    for (const found of running) await this.#willSend(found, sigkill);
  }

  async removeOf(sandboxId: string): Promise<void> {
    for (const { stored } of await this.#of(sandboxId)) await this.remove(stored.id);
  }

  async update(id: string, update: ResourceUpdate): Promise<void> {
    const { channel, holdings, records, groups } = this.#options;
    const found = await this.#found(id, 'ResizeError');
    const before = (await records.read(id)).resources ?? found.stored.resources;
    const after = updatedResources(before, update);
    try {
      await channel.call('UpdateContainerResources', {
        containerId: found.criId,
        linux: criResources(update, groups.version),
      });
      await this.#limitTask(found, update);
    } catch (error) {
      throw new RuntimeError('ResizeError', `container ${id}: ${errorMessage(error)}`, { cause: error });
    }
    await records.add(id, { resources: after });
    holdings.forget(found.criId);
  }

  stats(): Promise<ContainerStats[]> {
    return statsOf(this.#options);
  }

  /** @throws RuntimeError of this reason when it does not run */
  async running(
    id: string,
    reason: string,
  ): Promise<{
    readonly criId: string;
    readonly stored: StoredContainer;
    readonly process: () => Promise<Record<string, unknown>>;
  }> {
    const { holdings } = this.#options;
    const { criId, stored } = await this.#found(id, reason);
    const state = (await holdings.fresh(criId))?.state ?? 'gone';
    if (state !== 'running') throw new RuntimeError(reason, `container ${id} is not running: it is ${state}`);
    const process = async (): Promise<Record<string, unknown>> => {
      const known = await holdings.processOf(criId);
      if (known === undefined) throw new RuntimeError(reason, `container ${id} has just ended`);
      return known;
    };
    return { criId, stored, process };
  }

  /** The exit code of a container whose streams have ended; undefined: it goes on. */
  async endOf(id: string): Promise<number | undefined> {
    const { env, watcher } = this.#options;
    const until = env.clock.monotonic() + dyingMs / 5;
    for (;;) {
      const status = await this.status(id).catch(() => undefined);
      if (status?.state === 'exited') return status.exitCode;
      if (env.clock.monotonic() > until) return undefined;
      await watcher.change(lookMs);
    }
  }

  /** Ends processes that a former run of this plugin began beside the first and can no longer see, and its mounts. The ids of all containers. */
  async tidy(isStray: (execId: string) => boolean): Promise<ReadonlySet<string>> {
    const { channel, holdings, opened } = this.#options;
    const held = opened.ids();
    // Looked up afterwards: what is made meanwhile is not touched.
    const found = await holdings.all();
    const ids = new Set([...found.map(({ stored }) => stored.id), ...this.#inCreation]);
    for (const id of held) if (!ids.has(id)) await opened.release(id);
    for (const { criId, criState } of found) {
      if (criState !== containerStates.running) continue;
      const answer = await ifThere(channel.call('ListPids', { containerId: criId }));
      for (const { info } of answer?.processes ?? []) {
        const execId = execIdOf(info);
        if (isStray(execId)) await ifThere(channel.call('Kill', { containerId: criId, execId, signal: sigkill }));
      }
    }
    return ids;
  }

  async #make(config: ContainerConfig, sandbox: FoundSandbox): Promise<ContainerStatus> {
    const { channel, holdings, sandboxes, importer, groups, instance, records, opened } = this.#options;
    const { id, terminationMessagePath, processesOf } = config;
    const image = await importer.ensure(config.image);
    const target =
      processesOf === undefined ? undefined : (await this.running(processesOf, 'CreateContainerError')).criId;
    try {
      const messageFile = terminationMessagePath === '' ? undefined : records.makeMessageFile(id);
      await mkdir(dirname(join(sandbox.config.logDirectory, logPathOf(config))), { recursive: true });
      const mounts = await opened.hold(id, config.mounts);
      const { containerId } = await channel.call('CreateContainer', {
        podSandboxId: sandbox.criId,
        config: containerRequest({ ...config, mounts }, sandbox.config, {
          instance,
          cgroup: groups.version,
          image,
          messageFile,
          target,
        }),
        sandboxConfig: sandboxes.request(sandbox.config),
      });
      await addToSpec(channel, containerId, specAdditions(config, groups.version));
      const status = await holdings.fresh(containerId);
      if (status === undefined) throw new Error(`container ${id} went while it was made`);
      return status;
    } catch (error) {
      await this.remove(id).catch(() => undefined);
      await this.#forget(id);
      throw error;
    }
  }

  /** What we keep of a container beside containerd. */
  async #forget(id: string): Promise<void> {
    await this.#options.opened.release(id);
    this.#options.records.remove(id);
  }

  async #found(id: string, reason: string): Promise<FoundContainer> {
    const found = await this.#options.holdings.find(id);
    if (found === undefined) throw new RuntimeError(reason, `there is no container ${id}`);
    return found;
  }

  async #of(sandboxId: string): Promise<FoundContainer[]> {
    return (await this.#options.holdings.all()).filter(({ stored }) => stored.sandboxId === sandboxId);
  }

  /** Limits that the CRI has no words for. */
  async #limitTask(found: FoundContainer, update: ResourceUpdate): Promise<void> {
    const { channel, groups } = this.#options;
    const limits = taskResources(update, groups.version);
    if (limits === undefined) return;
    if (found.criState === containerStates.created) {
      await addToSpec(channel, found.criId, [(spec) => withLimits(spec, limits)]);
      return;
    }
    const value = Buffer.from(JSON.stringify(limits));
    await ifThere(channel.call('Update', { containerId: found.criId, resources: { typeUrl: resourcesType, value } }));
  }

  /** Sends the stop signal. True: it has ended within the time. */
  async #asked(found: FoundContainer, gracePeriodMs: number): Promise<boolean> {
    const { channel, env, holdings, watcher } = this.#options;
    const until = env.clock.monotonic() + gracePeriodMs;
    const signal = stopSignalNumber(found.stored.stopSignal);
    await this.#willSend(found, signal);
    await ifThere(channel.call('Kill', { containerId: found.criId, signal }));
    for (;;) {
      const status = await holdings.fresh(found.criId);
      if (status === undefined || status.state === 'exited') return true;
      const leftMs = until - env.clock.monotonic();
      if (leftMs <= 0) return false;
      await watcher.change(Math.min(leftMs, lookMs));
    }
  }

  async #kill(found: FoundContainer): Promise<void> {
    await this.#willSend(found, sigkill);
    await ifThere(this.#options.channel.call('StopContainer', { containerId: found.criId, timeout: 0 }));
  }

  /** Recorded before: containerd tells an end by signal 9 and one by exit(137) alike. */
  async #willSend({ criId, stored }: FoundContainer, signal: number): Promise<void> {
    const { records, holdings } = this.#options;
    const { signals = [] } = await records.read(stored.id);
    if (!signals.includes(signal)) await records.add(stored.id, { signals: [...signals, signal] });
    holdings.forget(criId);
  }
}

/** Undefined: what was meant is gone. */
async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (callCode(error) === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** containerd does not say which user it did not find. */
function failureOfCreate({ user }: ContainerConfig, error: unknown): RuntimeError {
  const message = errorMessage(error);
  const [, what] = /no (user|group)s found/.exec(message) ?? [];
  if (what === undefined) return createFailure(message, error);
  const file = what === 'user' ? '/etc/passwd' : '/etc/group';
  const text = `the ${what} of "${user}" is not in the image's ${file}: give its number`;
  return new RuntimeError('CreateContainerConfigError', text, { cause: error });
}

function createFailure(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError('CreateContainerError', message, { cause });
}
