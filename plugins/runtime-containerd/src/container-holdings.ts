import type { ContainerState, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { storedContainer, type StoredContainer } from './container-request.ts';
import { callCode, type Channel } from './cri/channel.ts';
import { containerStates, type CriContainer, type CriContainerStatus } from './cri/types.ts';
import { labels } from './identity.ts';
import type { ContainerRecord, Records } from './records.ts';

export interface FoundContainer {
  readonly criId: string;
  readonly criSandboxId: string;
  readonly stored: StoredContainer;
  readonly criState: number;
}

/** Our containers in containerd. Statuses are kept as long as its list says that nothing changed. */
export class ContainerHoldings {
  readonly #channel: Channel;
  readonly #instance: string;
  readonly #records: Records;
  readonly #statuses = new Map<string, { readonly criState: number; readonly status: ContainerStatus }>();
  readonly #pids = new Map<string, number>();

  constructor(channel: Channel, instance: string, records: Records) {
    this.#channel = channel;
    this.#instance = instance;
    this.#records = records;
  }

  async find(id: string): Promise<FoundContainer | undefined> {
    const [first] = await this.#list({ [labels.id]: id });
    return first;
  }

  async all(): Promise<FoundContainer[]> {
    const found = await this.#list({});
    const present = new Set(found.map(({ criId }) => criId));
    for (const kept of [this.#statuses, this.#pids]) {
      for (const criId of kept.keys()) if (!present.has(criId)) kept.delete(criId);
    }
    return found;
  }

  /** Of the container as it was found: from what is kept, when nothing changed. Undefined: it is gone. */
  async listed({ criId, criState }: FoundContainer): Promise<ContainerStatus | undefined> {
    const kept = this.#statuses.get(criId);
    return kept?.criState === criState ? kept.status : this.fresh(criId);
  }

  async fresh(criId: string): Promise<ContainerStatus | undefined> {
    const answer = await this.#ask(criId, false);
    const stored = storedContainer(answer?.annotations ?? {});
    if (answer === undefined || stored === undefined) return undefined;
    const pid = answer.state === containerStates.running ? await this.#pidOf(criId) : undefined;
    const record = await this.#records.read(stored.id);
    const status = statusOf(answer, stored, record, pid, () => this.#records.message(stored.id));
    this.#statuses.set(criId, { criState: answer.state, status });
    return status;
  }

  /** After something was recorded of it. */
  forget(criId: string): void {
    this.#statuses.delete(criId);
  }

  /** The process of the container as the OCI runtime specification words it. Undefined: it is gone. */
  async processOf(criId: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const info = await this.#info(criId);
    return (info?.['runtimeSpec'] as { process?: Record<string, unknown> } | undefined)?.process;
  }

  async #list(selector: Readonly<Record<string, string>>): Promise<FoundContainer[]> {
    const labelSelector = { [labels.instance]: this.#instance, ...selector };
    const { containers } = await this.#channel.call('ListContainers', { filter: { labelSelector } });
    return containers.flatMap((each) => foundContainer(each) ?? []);
  }

  async #pidOf(criId: string): Promise<number | undefined> {
    const known = this.#pids.get(criId) ?? Number((await this.#info(criId))?.['pid'] ?? 0);
    if (known === 0) return undefined;
    this.#pids.set(criId, known);
    return known;
  }

  async #info(criId: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { info } = await this.#channel.call('ContainerStatus', { containerId: criId, verbose: true });
      return JSON.parse(info['info'] ?? '{}') as Record<string, unknown>;
    } catch (error) {
      if (callCode(error) === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #ask(criId: string, verbose: boolean): Promise<CriContainerStatus | undefined> {
    try {
      const { status } = await this.#channel.call('ContainerStatus', { containerId: criId, verbose });
      return status ?? undefined;
    } catch (error) {
      if (callCode(error) !== 'NOT_FOUND') throw error;
      this.forget(criId);
      return undefined;
    }
  }
}

function foundContainer(each: CriContainer): FoundContainer | undefined {
  const stored = storedContainer(each.annotations);
  return stored === undefined
    ? undefined
    : { criId: each.id, criSandboxId: each.podSandboxId, stored, criState: each.state };
}

interface End {
  readonly state: ContainerState;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number | undefined;
  readonly signal: number | undefined;
  readonly reason: string;
  readonly message: string;
}

const milliseconds = (nanoseconds: number): number => Math.max(0, Math.floor(nanoseconds / 1e6));

function endOf(cri: CriContainerStatus, record: ContainerRecord, message: () => string): End {
  const running = {
    startedAt: milliseconds(cri.startedAt),
    finishedAt: 0,
    exitCode: undefined,
    signal: undefined,
    reason: '',
    message: '',
  };
  const { stoppedUnstarted } = record;
  if (cri.state === containerStates.running) return { ...running, state: 'running' };
  if (cri.state === containerStates.created && stoppedUnstarted === undefined) return { ...running, state: 'created' };
  if (cri.state === containerStates.created) {
    return {
      ...running,
      state: 'exited',
      finishedAt: stoppedUnstarted ?? 0,
      exitCode: 137,
      signal: 9,
      reason: 'Error',
      message: 'it was stopped before it was started',
    };
  }
  if (cri.state === containerStates.unknown) {
    return {
      ...running,
      state: 'exited',
      exitCode: 255,
      reason: 'Error',
      message: 'containerd does not know what became of it',
    };
  }
  const signal = cri.exitCode - 128;
  const killed = cri.reason === 'OOMKilled' ? signal === 9 : record.signals?.includes(signal) === true;
  const said = message();
  return {
    state: 'exited',
    startedAt: running.startedAt,
    finishedAt: milliseconds(cri.finishedAt),
    exitCode: cri.exitCode,
    signal: killed ? signal : undefined,
    reason: cri.reason === '' ? (cri.exitCode === 0 ? 'Completed' : 'Error') : cri.reason,
    message: said === '' ? cri.message : said,
  };
}

function statusOf(
  cri: CriContainerStatus,
  stored: StoredContainer,
  record: ContainerRecord,
  pid: number | undefined,
  message: () => string,
): ContainerStatus {
  const { id, sandboxId, name, attempt, imageId, imageReference } = stored;
  return {
    id,
    sandboxId,
    name,
    attempt,
    ...endOf(cri, record, message),
    imageId,
    imageReference,
    pid,
    createdAt: milliseconds(cri.createdAt),
    logPath: cri.logPath,
    labels: stored.labels,
    resources: record.resources ?? stored.resources,
  };
}
