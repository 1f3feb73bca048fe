import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  byNodeName,
  currentOf,
  defineController,
  keysFrom,
  type Informer,
  type KeySource,
} from '@timonel/sdk/controller';
import { isNotFound, nodes, objectKey, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { configSchema, type PodGcConfig } from './config.ts';
import { hasEnded, isOutOfService, reconcile, surplusOf, type Observed } from './reconcile.ts';

interface Inputs {
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly config: PodGcConfig;
  /** Keys of the pods that have ended. */
  readonly ended: Set<string>;
  /** Nodes of pods that are not there, and since when, on the monotonic clock. */
  readonly missing: Map<string, number>;
}

/** Keys are names of nodes; this one is for pods without a node, and for what all nodes have together. */
const noNode = '';

function podKeys({ nodes: cache, pods: informer, config, ended }: Inputs): KeySource {
  const keysOf = ({ metadata, spec: { nodeName = '' } }: Pod): string[] => {
    const going = metadata.deletionTimestamp !== undefined;
    const node = nodeName === '' ? undefined : cache.get(nodeName);
    const tooMany = config.terminatedPodLimit > 0 && ended.size > config.terminatedPodLimit;
    return [
      ...(nodeName !== '' && (node === undefined || (going && isOutOfService(node))) ? [nodeName] : []),
      ...(tooMany || (nodeName === '' && going) ? [noNode] : []),
    ];
  };
  return {
    connect(add) {
      const seen = (pod: Pod): void => {
        if (hasEnded(pod)) ended.add(objectKey(pod));
        else ended.delete(objectKey(pod));
        for (const key of keysOf(pod)) add(key);
      };
      const gone = (pod: Pod): void => {
        ended.delete(objectKey(pod));
        for (const key of keysOf(pod)) add(key);
      };
      return informer.addHandler({ added: seen, updated: seen, deleted: gone });
    },
    *all() {
      for (const pod of informer.list()) yield* keysOf(pod);
    },
  };
}

async function isGone(api: ApiClient, name: string): Promise<boolean> {
  try {
    await api.get(nodes, { name });
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

const plugin: AnyPlugin = defineController({
  name: 'controller-podgc',
  version: '0.1.0',
  description:
    'Removes pods that nobody else removes: of nodes that are gone or out of service, and ended ones beyond a number.',
  component: 'pod-garbage-collector',
  subject: nodes,
  config: configSchema,
  inputs({ informers, config }): Inputs {
    return {
      nodes: informers.for(nodes),
      pods: informers.for(pods, { indexes: { node: byNodeName } }),
      config,
      ended: new Set(),
      missing: new Map(),
    };
  },
  sources: (inputs) => [keysFrom(inputs.nodes, ({ metadata }) => [metadata.name ?? '']), podKeys(inputs)],
  async observe(name, { nodes: cache, pods: podCache, config, ended, missing }, now, { api, env }) {
    const observed: Observed = {
      subject: undefined,
      ...now,
      pods: podCache.byIndex('node', name),
      surplus: [],
      orphaned: undefined,
    };
    if (name === noNode) {
      const all = [...ended].flatMap((key) => podCache.get(key) ?? []);
      return { ...observed, surplus: surplusOf(all, config.terminatedPodLimit) };
    }
    const subject = cache.get(name);
    if (subject !== undefined || observed.pods.length === 0) {
      missing.delete(name);
      if (subject === undefined) return undefined;
      // The cache may be behind: a node that is in service again ends its pods itself.
      return { ...observed, subject: isOutOfService(subject) ? await currentOf(api, nodes, subject) : subject };
    }
    const nowMs = env.clock.monotonic();
    const sinceMs = missing.get(name) ?? nowMs;
    missing.set(name, sinceMs);
    const waitMs = sinceMs + config.quarantineMs - nowMs;
    // The cache of nodes may be behind that of pods: a new node is asked for.
    const certain = waitMs <= 0 && (await isGone(api, name));
    return { ...observed, orphaned: certain ? { certain } : { certain, waitMs: Math.max(waitMs, 1000) } };
  },
  // What is done for a node that is out of service has been asked for; one that is being deleted does not end its pods either.
  confirm: false,
  reconcile,
});

export default plugin;
