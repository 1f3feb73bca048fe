import type { SandboxConfig, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { callCode, type Channel } from './cri/channel.ts';
import { sandboxReady, type CriSandbox } from './cri/types.ts';
import { labels } from './identity.ts';
import type { Records } from './records.ts';
import { storedSandbox } from './sandbox-request.ts';

export interface FoundSandbox {
  readonly criId: string;
  readonly config: SandboxConfig;
  readonly ready: boolean;
  readonly createdAt: number;
}

/** Our sandboxes in containerd. What it holds is the truth; here is kept only what never changes. */
export class SandboxHoldings {
  readonly #channel: Channel;
  readonly #instance: string;
  readonly #records: Records;
  /** Of containerd's ids. Undefined in the map: it has none of its own. */
  readonly #networks = new Map<string, string | undefined>();

  constructor(channel: Channel, instance: string, records: Records) {
    this.#channel = channel;
    this.#instance = instance;
    this.#records = records;
  }

  async find(id: string): Promise<FoundSandbox | undefined> {
    const [first] = await this.#list({ [labels.id]: id });
    return first;
  }

  async all(): Promise<FoundSandbox[]> {
    const found = await this.#list({});
    const present = new Set(found.map(({ criId }) => criId));
    for (const criId of this.#networks.keys()) if (!present.has(criId)) this.#networks.delete(criId);
    return found;
  }

  async status(sandbox: FoundSandbox): Promise<SandboxStatus> {
    const { config, ready, createdAt } = sandbox;
    const { resources } = await this.#records.read(config.id);
    return {
      id: config.id,
      podUid: config.podUid,
      podNamespace: config.podNamespace,
      podName: config.podName,
      state: ready ? 'ready' : 'notready',
      createdAt,
      networkNamespace: ready && !config.hostNetwork ? await this.#networkOf(sandbox.criId) : undefined,
      labels: config.labels,
      resources: resources ?? config.resources,
    };
  }

  async #list(selector: Readonly<Record<string, string>>): Promise<FoundSandbox[]> {
    const labelSelector = { [labels.instance]: this.#instance, ...selector };
    const { items } = await this.#channel.call('ListPodSandbox', { filter: { labelSelector } });
    return items.flatMap((item) => foundSandbox(item) ?? []);
  }

  async #networkOf(criId: string): Promise<string | undefined> {
    if (this.#networks.has(criId)) return this.#networks.get(criId);
    try {
      const { info } = await this.#channel.call('PodSandboxStatus', { podSandboxId: criId, verbose: true });
      const path = networkNamespaceOf(info['info'] ?? '');
      this.#networks.set(criId, path);
      return path;
    } catch (error) {
      if (callCode(error) === 'NOT_FOUND') return undefined;
      throw error;
    }
  }
}

function foundSandbox(item: CriSandbox): FoundSandbox | undefined {
  const config = storedSandbox(item.annotations);
  if (config === undefined) return undefined;
  return {
    criId: item.id,
    config,
    ready: item.state === sandboxReady,
    createdAt: Math.floor(item.createdAt / 1e6),
  };
}

/** In what containerd says in `info` of a verbose status. */
export function networkNamespaceOf(info: string): string | undefined {
  interface Info {
    readonly runtimeSpec?: { readonly linux?: { readonly namespaces?: readonly { type?: string; path?: string }[] } };
  }
  const { runtimeSpec } = JSON.parse(info) as Info;
  return runtimeSpec?.linux?.namespaces?.find(({ type }) => type === 'network')?.path;
}
