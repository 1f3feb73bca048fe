/** What the cluster knows of the node's drivers: its CSINode, and topology labels and node ids on its Node. */
import { isDeepStrictEqual } from 'node:util';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { csiNodes, isNotFound, nodes, type CsiNode, type CsiNodeDriver } from '@timonel/sdk/kube';
import type { NodeInfo } from '../node/messages.ts';

export interface NodeObjectsOptions {
  readonly nodeName: string;
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
}

const retryMs = { first: 500, most: 30_000 };
const nodeIds = 'csi.volume.kubernetes.io/nodeid';
const fieldManager = 'volumes-csi';

/** Tries until the API holds what is known here. */
export class NodeObjects {
  readonly #options: NodeObjectsOptions;
  #drivers: ReadonlyMap<string, NodeInfo> = new Map();
  /** Those that were registered since the start: what is known of others is left as it is. */
  readonly #ever = new Set<string>();
  #timer: TimerHandle | undefined;
  #writing: Promise<void> | undefined;
  #again = false;
  #delayMs = retryMs.first;
  #closed = false;

  constructor(options: NodeObjectsOptions) {
    this.#options = options;
  }

  set(drivers: ReadonlyMap<string, NodeInfo>): void {
    this.#drivers = drivers;
    for (const name of drivers.keys()) this.#ever.add(name);
    this.write();
  }

  write(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#timer?.cancel();
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#writeCsiNode();
        await this.#writeNode();
        this.#delayMs = retryMs.first;
      } catch (error) {
        this.#options.log.debug({ error: errorMessage(error) }, 'drivers of the node not told, will retry');
        this.#timer = this.#options.env.timers.after(this.#delayMs, () => this.write());
        this.#delayMs = Math.min(this.#delayMs * 2, retryMs.most);
        return;
      }
    }
  }

  async #writeCsiNode(): Promise<void> {
    const { api, nodeName } = this.#options;
    const found = await api.get(csiNodes, { name: nodeName }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const before = found?.spec?.drivers ?? [];
    const kept = before.filter(({ name }) => !this.#ever.has(name));
    const own = [...this.#drivers].map(([name, info]) => driverEntry(name, info));
    const drivers = [...kept, ...own];
    if (found === undefined) {
      await api.create(csiNodes, await this.#newCsiNode(drivers), { fieldManager });
      return;
    }
    if (isDeepStrictEqual(before, drivers)) return;
    // A driver that calls the node another name than before must leave first: its entry cannot be changed.
    const same = drivers.filter((driver) => !before.some((old) => old.name === driver.name && isAnother(old, driver)));
    const without = same.length === drivers.length ? found : await this.#update(found, same);
    await this.#update(without, drivers);
  }

  #update(object: CsiNode, drivers: readonly CsiNodeDriver[]): Promise<CsiNode> {
    return this.#options.api.update(csiNodes, { ...object, spec: { drivers: [...drivers] } }, { fieldManager });
  }

  async #newCsiNode(drivers: readonly CsiNodeDriver[]): Promise<CsiNode> {
    const { api, nodeName } = this.#options;
    const { uid = '' } = (await api.get(nodes, { name: nodeName })).metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }];
    return { metadata: { name: nodeName, ownerReferences }, spec: { drivers: [...drivers] } };
  }

  async #writeNode(): Promise<void> {
    const { api, nodeName } = this.#options;
    const { labels = {}, annotations = {} } = (await api.get(nodes, { name: nodeName })).metadata;
    const wanted = Object.assign({}, ...[...this.#drivers.values()].map(segmentsOf)) as Record<string, string>;
    const missing = Object.entries(wanted).filter(([key, value]) => labels[key] !== value);
    const ids = JSON.stringify(idsOf(annotations[nodeIds], this.#drivers, this.#ever));
    const isTold = ids === '{}' ? annotations[nodeIds] === undefined : annotations[nodeIds] === ids;
    if (missing.length === 0 && isTold) return;
    const metadata = {
      labels: Object.fromEntries(missing),
      annotations: { [nodeIds]: ids === '{}' ? null : ids },
    };
    await api.patch(nodes, { name: nodeName }, { type: 'merge', body: { metadata } }, { fieldManager });
  }
}

function segmentsOf({ accessibleTopology }: NodeInfo): Readonly<Record<string, string>> {
  return accessibleTopology?.segments ?? {};
}

function driverEntry(name: string, info: NodeInfo): CsiNodeDriver {
  const count = info.maxVolumesPerNode;
  return {
    name,
    nodeID: info.nodeId,
    topologyKeys: Object.keys(segmentsOf(info)).toSorted(),
    ...(count > 0 ? { allocatable: { count } } : {}),
  };
}

function isAnother(old: CsiNodeDriver, driver: CsiNodeDriver): boolean {
  const { allocatable: _old, ...before } = old;
  const { allocatable: _new, ...after } = driver;
  return !isDeepStrictEqual({ topologyKeys: [], ...before }, after);
}

function idsOf(
  text: string | undefined,
  drivers: ReadonlyMap<string, NodeInfo>,
  ever: ReadonlySet<string>,
): Record<string, string> {
  let before: Record<string, string> = {};
  try {
    before = JSON.parse(text ?? '{}') as Record<string, string>;
  } catch {
    // Somebody else's text: it is replaced.
  }
  const kept = Object.entries(before).filter(([name]) => !ever.has(name));
  const own = [...drivers].map(([name, { nodeId }]): [string, string] => [name, nodeId]);
  return Object.fromEntries([...kept, ...own].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
