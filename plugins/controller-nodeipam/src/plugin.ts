import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { parseIpv4Range } from '@timonel/sdk/contracts/network';
import { EventRecorder, informers, keysFrom, runController } from '@timonel/sdk/controller';
import { isNotFound, nodes, type Node } from '@timonel/sdk/kube';
import { readClaims, writeClaims } from './claims.ts';
import { configSchema } from './config.ts';
import { FreeRanges } from './free-ranges.ts';
import { ownerOf, plan, waitsForRange } from './plan.ts';

const pluginName = 'controller-nodeipam';
/** One key for all nodes: they share what is free. */
const key = 'ranges';
const pageLimit = 500;

async function listNodes(api: ApiClient): Promise<Node[]> {
  const all: Node[] = [];
  let next: string | undefined;
  do {
    const page = await api.list(nodes, { limit: pageLimit, ...(next === undefined ? {} : { continue: next }) });
    all.push(...page.items);
    next = page.metadata.continue;
  } while (next !== undefined && next !== '');
  return all;
}

/** Only into this node, not into a later one of its name. The API refuses to change a range that is there. */
async function give(api: ApiClient, { metadata }: Node, podCIDR: string): Promise<void> {
  const { name = '', uid } = metadata;
  const body = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'add', path: '/spec/podCIDR', value: podCIDR },
    { op: 'add', path: '/spec/podCIDRs', value: [podCIDR] },
  ];
  await api.patch(nodes, { name }, { type: 'json', body }, { fieldManager: pluginName });
}

const plugin: AnyPlugin = definePlugin({
  name: pluginName,
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives every node a range of addresses for its pods.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  config: configSchema,
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const { clusterCidr, nodeMaskBits } = ctx.config;
    const cluster = parseIpv4Range(clusterCidr);
    if (cluster === undefined) throw new Error(`clusterCidr ${clusterCidr} is not an IPv4 range`);
    const free = new FreeRanges(cluster, nodeMaskBits);
    const recorder = new EventRecorder(ctx, api, { component: 'node-ipam-controller' });
    const set = informers(ctx, api);
    const informer = set.for(nodes);
    let unserved: ReadonlySet<string> = new Set();

    function report(without: readonly Node[]): void {
      const before = unserved;
      unserved = new Set(without.map(ownerOf));
      for (const node of without.filter((each) => !before.has(ownerOf(each)))) {
        const message = `all ${free.size} ranges of ${clusterCidr} are in use: node ${node.metadata.name} gets none until one is free`;
        recorder.record(nodes, node, 'Warning', 'CIDRNotAvailable', message);
        ctx.log.warn({ node: node.metadata.name, clusterCidr, ranges: free.size }, 'no range of addresses is free');
      }
    }

    return runController({
      ctx,
      name: 'nodeipam',
      informers: set,
      leadership: ctx.deps.leadership,
      workers: 1,
      sources: [keysFrom(informer, (node) => (waitsForRange(node) || unserved.size > 0 ? [key] : []))],
      async reconcile() {
        if (!informer.list().some(waitsForRange)) return;
        // The cache may lag: what is free is decided on what is stored. In this order, see claims.ts.
        const before = await readClaims(api);
        const decided = plan(await listNodes(api), before.claims, free);
        await writeClaims(api, before, decided.claims, pluginName);
        for (const { node, podCIDR } of decided.assign) {
          try {
            await give(api, node, podCIDR);
            ctx.log.info({ node: node.metadata.name, podCIDR }, 'node has its range of addresses');
          } catch (error) {
            // Deleted meanwhile. Everything else: again, from the beginning.
            if (!isNotFound(error)) throw error;
          }
        }
        report(decided.unserved);
      },
    });
  },
});

export default plugin;
