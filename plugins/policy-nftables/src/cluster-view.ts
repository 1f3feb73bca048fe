/** Follows what policies are about, and remembers it for a start while the API is away. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { policyPod, type PolicyCluster, type PolicyPod } from '@timonel/sdk/contracts/network-policy';
import { informers, type ControllerHost, type Informers } from '@timonel/sdk/controller';
import { LateWriter, readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { namespaces, networkPolicies, pods, type Labels, type NetworkPolicy, type Pod } from '@timonel/sdk/kube';

export interface ClusterViewOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly memoryFile: string;
  /** Something that counts for policies has changed. */
  readonly changed: () => void;
}

/** More than any cluster has; what is larger is not remembered. */
const limitBytes = 128 * 1024 * 1024;
const formatVersion = 1;
const rememberMs = 5000;

interface Memory {
  readonly version: number;
  readonly namespaces: readonly [string, Labels][];
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly (Omit<PolicyPod, 'namedPorts'> & { readonly namedPorts: readonly [string, number][] })[];
}

/** What of a pod counts, as text. Status changes all the time. */
function factsOf(pod: Pod): string {
  const made = policyPod(pod);
  return made === undefined ? '' : JSON.stringify([made, [...made.namedPorts]]);
}

export class ClusterView {
  readonly #options: ClusterViewOptions;
  readonly #informers: Informers;
  #remembered: PolicyCluster | undefined;
  readonly #memory: LateWriter;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
    this.#memory = new LateWriter({ env: options.host.env, delayMs: rememberMs, write: () => this.#write() });
    this.#informers = informers(options.host, options.api);
    const changed = (): void => this.#changed();
    this.#informers.for(networkPolicies).addHandler({ added: changed, updated: changed, deleted: changed });
    this.#informers.for(namespaces).addHandler({
      added: changed,
      updated: ({ metadata }, old) =>
        JSON.stringify(metadata.labels) === JSON.stringify(old.metadata.labels) ? undefined : changed(),
      deleted: changed,
    });
    this.#informers.for(pods).addHandler({
      added: (pod) => (factsOf(pod) === '' ? undefined : changed()),
      updated: (pod, old) => (factsOf(pod) === factsOf(old) ? undefined : changed()),
      deleted: changed,
    });
  }

  /** Undefined: nothing is known, neither from the API nor from before. */
  get cluster(): PolicyCluster | undefined {
    if (!this.#informers.hasSynced()) return this.#remembered;
    return {
      namespaces: new Map(
        this.#informers
          .for(namespaces)
          .list()
          .map(({ metadata }) => [metadata.name ?? '', metadata.labels ?? {}]),
      ),
      pods: this.#informers
        .for(pods)
        .list()
        .flatMap((pod) => policyPod(pod) ?? []),
      policies: this.#informers.for(networkPolicies).list(),
    };
  }

  /** Of each resource that counts: up to which version it is known from the API. */
  versions(): Readonly<Record<string, string>> {
    return this.#informers.versions();
  }

  /** The pod by `namespace/name`, whether or not policies count for it. */
  pod(key: string): Pod | undefined {
    return this.#informers.for(pods).get(key);
  }

  async start(): Promise<void> {
    this.#remembered = await this.#read();
    this.#informers.start();
    // Rejects only when it is stopped.
    void this.#informers.synced().then(
      () => this.#changed(),
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await this.#informers.stop();
    await this.#memory.close();
  }

  #changed(): void {
    if (!this.#informers.hasSynced()) return;
    this.#options.changed();
    this.#memory.touch();
  }

  async #read(): Promise<PolicyCluster | undefined> {
    const { memoryFile, host } = this.#options;
    try {
      const text = await readFileIfThere(memoryFile);
      if (text === undefined) return undefined;
      const memory = JSON.parse(text) as Memory;
      if (memory.version !== formatVersion) throw new Error('it has another format');
      const known = memory.pods.map((pod) => ({ ...pod, namedPorts: new Map(pod.namedPorts) }));
      return { namespaces: new Map(memory.namespaces), pods: known, policies: memory.policies };
    } catch (error) {
      host.log.warn({ memoryFile, error: errorMessage(error) }, 'the policies that were known last cannot be used');
      return undefined;
    }
  }

  async #write(): Promise<void> {
    const { host, memoryFile } = this.#options;
    const { cluster } = this;
    if (cluster === undefined) return;
    const memory: Memory = {
      version: formatVersion,
      namespaces: [...cluster.namespaces],
      policies: cluster.policies,
      pods: cluster.pods.map((pod) => ({ ...pod, namedPorts: [...pod.namedPorts] })),
    };
    const text = JSON.stringify(memory);
    try {
      if (text.length <= limitBytes) await writeFileAtomically(memoryFile, text, 0o600);
      else host.log.warn({ memoryFile }, 'the cluster is too large to be remembered');
    } catch (error) {
      host.log.warn({ memoryFile, error: errorMessage(error) }, 'the policies were not remembered');
    }
  }
}
