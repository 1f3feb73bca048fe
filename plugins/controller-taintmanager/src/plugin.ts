import type { AnyPlugin } from '@timonel/sdk';
import {
  ApiContact,
  byNodeName,
  currentOf,
  defineController,
  keysFrom,
  type Informer,
  type KeySource,
} from '@timonel/sdk/controller';
import { nodes, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { explain, isAnyDue, reconcile, waitingOf } from './reconcile.ts';
import { Arrivals, TaintMemory } from './taint-memory.ts';

interface Inputs {
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly memory: TaintMemory;
  readonly arrivals: Arrivals;
  readonly contact: ApiContact;
  /** Of each node, the pods that have to leave it later. */
  readonly waiting: Map<string, ReadonlySet<string>>;
}

const nobody: ReadonlySet<string> = new Set();

function nodeKeys({ nodes: cache, memory, waiting }: Inputs): KeySource {
  const matters = (name: string): boolean => memory.isTainted(name) || waiting.has(name);
  return {
    connect(add) {
      const seen = (node: Node): void => {
        memory.seen(node);
        const { name = '' } = node.metadata;
        if (matters(name)) add(name);
      };
      return cache.addHandler({
        added: seen,
        updated: seen,
        deleted: ({ metadata: { name = '' } }) => {
          memory.gone(name);
          waiting.delete(name);
        },
      });
    },
    *all() {
      for (const { metadata } of cache.list()) if (matters(metadata.name ?? '')) yield metadata.name ?? '';
    },
  };
}

function podKeys({ pods: informer, memory, arrivals }: Inputs): KeySource {
  const source = keysFrom(informer, ({ spec: { nodeName = '' } }) => (memory.isTainted(nodeName) ? [nodeName] : []));
  return {
    connect(add) {
      const seen = (pod: Pod): void => arrivals.seen(pod);
      const stopNoting = informer.addHandler({ added: seen, updated: seen, deleted: (pod) => arrivals.gone(pod) });
      const disconnect = source.connect(add);
      return () => {
        stopNoting();
        disconnect();
      };
    },
    all: () => source.all(),
  };
}

const plugin: AnyPlugin = defineController({
  name: 'controller-taintmanager',
  version: '0.1.0',
  description: 'Deletes pods from nodes with a NoExecute taint that they do not tolerate, or not any longer.',
  component: 'taint-eviction-controller',
  subject: nodes,
  inputs({ informers, api, env, signal }): Inputs {
    return {
      nodes: informers.for(nodes),
      pods: informers.for(pods, { indexes: { node: byNodeName } }),
      memory: new TaintMemory(env.clock),
      arrivals: new Arrivals(env.clock),
      contact: new ApiContact({ env, signal }, api),
      waiting: new Map(),
    };
  },
  sources: (inputs) => [nodeKeys(inputs), podKeys(inputs)],
  async observe(name, { nodes: cache, pods: podCache, memory, arrivals, contact, waiting }, now, { api }) {
    const subject = cache.get(name);
    if (subject === undefined) return undefined;
    const taints = memory.of(subject, contact.sinceMs());
    const waited = waiting.get(name) ?? nobody;
    const matters = taints.length > 0 || waited.size > 0;
    const onNode = matters ? podCache.byIndex('node', name) : [];
    const observed = { subject, ...now, taints, waited, pods: arrivals.agesOf(onNode) };
    if (!isAnyDue(observed)) return observed;
    // The cache may be behind: nobody goes for a taint that is not there any more.
    const current = await currentOf(api, nodes, subject);
    return current === undefined
      ? undefined
      : { ...observed, subject: current, taints: memory.of(current, contact.sinceMs()) };
  },
  // What is deleted for the node as it is now has been asked for; a node that is being deleted is no shelter.
  confirm: false,
  reconcile,
  // When the API is back, nodes and pods should not wait for minutes.
  retryLimitMs: 5000,
  remember(observed, _outcome, { waiting }) {
    const name = observed.subject?.metadata.name ?? '';
    const later = waitingOf(observed);
    if (later.size === 0) waiting.delete(name);
    else waiting.set(name, later);
  },
  explain,
});

export default plugin;
