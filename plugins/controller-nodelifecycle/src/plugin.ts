import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  ApiContact,
  byNodeName,
  defineController,
  keysFrom,
  type Informer,
  type KeySource,
} from '@timonel/sdk/controller';
import { isNotFound, leases, nodes, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { configSchema, type NodeLifecycleConfig } from './config.ts';
import { explain } from './explain.ts';
import { Heartbeats } from './heartbeats.ts';
import { isSilent, isUnknown, reconcile, statusOf, type Health } from './reconcile.ts';
import { Zones } from './zones.ts';

interface Inputs {
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly heartbeats: Heartbeats;
  readonly zones: Zones;
  readonly contact: ApiContact;
  readonly config: NodeLifecycleConfig;
}

const leaseNamespace = 'kube-node-lease';

/** Times that the API is asked in a grace period. */
const contactsPerGrace = 10;

/** A change of one node can be the turn of others. */
function nodeKeys({ nodes: cache, heartbeats, zones }: Inputs): KeySource {
  return {
    connect(add) {
      const seen = (node: Node): void => {
        heartbeats.nodeSeen(node);
        for (const name of new Set([node.metadata.name ?? '', ...zones.seen(node)])) add(name);
      };
      return cache.addHandler({
        added: seen,
        updated: seen,
        deleted: ({ metadata: { name = '' } }) => {
          heartbeats.forget(name);
          for (const other of zones.gone(name)) add(other);
        },
      });
    },
    *all() {
      for (const { metadata } of cache.list()) yield metadata.name ?? '';
    },
  };
}

function podKeys({ nodes: cache, pods: informer }: Inputs): KeySource {
  return keysFrom(informer, ({ spec: { nodeName = '' } }) => {
    const node = cache.get(nodeName);
    return node !== undefined && isUnknown(node) ? [nodeName] : [];
  });
}

async function askForLease(api: ApiClient, name: string, heartbeats: Heartbeats): Promise<void> {
  try {
    heartbeats.leaseSeen(await api.get(leases, { namespace: leaseNamespace, name }));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const plugin: AnyPlugin = defineController({
  name: 'controller-nodelifecycle',
  version: '0.1.0',
  description: 'Watches whether the nodes are alive, and taints those that are not or that ask for it.',
  component: 'node-controller',
  subject: nodes,
  config: configSchema,
  inputs({ informers, api, env, signal, config }): Inputs {
    const heartbeats = new Heartbeats(env.clock);
    informers.for(leases, { namespace: leaseNamespace }).addHandler({
      added: (lease) => heartbeats.leaseSeen(lease),
      updated: (lease) => heartbeats.leaseSeen(lease),
      deleted: (lease) => heartbeats.leaseGone(lease),
    });
    const periodMs = Math.min(5000, config.gracePeriodMs / contactsPerGrace);
    return {
      nodes: informers.for(nodes),
      pods: informers.for(pods, { indexes: { node: byNodeName } }),
      heartbeats,
      zones: new Zones(config, env.clock),
      contact: new ApiContact({ env, signal }, api, { periodMs }),
      config,
    };
  },
  sources: (inputs) => [nodeKeys(inputs), podKeys(inputs)],
  async observe(name, { nodes: cache, pods: podCache, heartbeats, zones, contact, config }, now, { api }) {
    const subject = cache.get(name);
    if (subject === undefined) return undefined;
    const reports = subject.status?.conditions?.some(({ type }) => type === 'Ready') === true;
    const leastMs = reports ? config.gracePeriodMs : config.startupGracePeriodMs;
    const healthNow = (): Health => ({
      silentMs: heartbeats.silentMs(name, contact.sinceMs()),
      graceMs: Math.max(leastMs, heartbeats.leaseMs(name)),
    });
    // The cache may be behind: a node is not taken for dead while its lease is renewed.
    if (isSilent(healthNow())) await askForLease(api, name, heartbeats);
    const health = healthNow();
    const onNode = isSilent(health) && isUnknown(subject) ? podCache.byIndex('node', name) : [];
    return { subject, ...now, ...health, turn: zones.turnOf(name), pods: onNode };
  },
  // Each write is refused when the cache is behind; a node that is being deleted may be dead all the same.
  confirm: false,
  reconcile,
  // When the API is back, nodes and pods should not wait for minutes.
  retryLimitMs: 5000,
  status: statusOf,
  explain,
});

export default plugin;
