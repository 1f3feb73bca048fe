import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { familyRangeTexts, parseFamilyRanges, parseIpRange } from '@timonel/sdk/contracts/network';
import { defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';
import { readClaims } from './claims.ts';
import { configSchema } from './config.ts';
import { FreeRanges } from './free-ranges.ts';
import { partnerRange } from './partner-range.ts';
import { ownerOf, plan, waitsForRange } from './plan.ts';
import { explain, reconcile, type Observed, type Supply } from './reconcile.ts';

/** One key for all nodes: they share what is free. No node has this name. */
const allNodes = '';
const pageLimit = 500;
const noRanges = { ipv4: undefined, ipv6: undefined };

interface Inputs {
  readonly nodes: Informer<Node>;
  readonly free: FreeRanges;
  readonly supply: Supply;
  /** Nodes for which there was no range: they are looked at again when any node changes. */
  unserved: ReadonlySet<string>;
}

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

const plugin: AnyPlugin = defineController({
  name: 'controller-nodeipam',
  version: '0.1.0',
  description: 'Gives every node a range of addresses for its pods.',
  component: 'node-ipam-controller',
  subject: nodes,
  config: configSchema,
  workers: 1,
  inputs({ informers, config: { clusterCidr, nodeMaskBits, nodeMaskBits6 } }): Inputs {
    const [first = '', cluster6] = familyRangeTexts(parseFamilyRanges(clusterCidr) ?? noRanges);
    const cluster = parseIpRange(first);
    if (cluster === undefined) throw new Error(`clusterCidr ${clusterCidr} is not a range`);
    const free = new FreeRanges(cluster, cluster.family === 4 ? nodeMaskBits : nodeMaskBits6);
    const supply: Supply = {
      clusterCidr,
      size: free.size,
      partnerOf: (cidr) =>
        cluster6 === undefined ? undefined : partnerRange(cidr, cluster, { cluster6, maskBits6: nodeMaskBits6 }),
    };
    return { nodes: informers.for(nodes), free, supply, unserved: new Set() };
  },
  sources: (inputs) => [
    keysFrom(inputs.nodes, (node) => (waitsForRange(node) || inputs.unserved.size > 0 ? [allNodes] : [])),
  ],
  async observe(key, { nodes: cache, free, supply, unserved }, now, { api }): Promise<Observed | undefined> {
    const nothing = { ...now, supply, decided: undefined, before: undefined };
    if (key !== allNodes) {
      const subject = cache.get(key);
      return subject && { ...nothing, subject, isUnserved: unserved.has(ownerOf(subject)) };
    }
    if (!cache.list().some(waitsForRange)) return undefined;
    // The cache may lag: what is free is decided on what is stored. In this order, see claims.ts.
    const before = await readClaims(api);
    const decided = plan(await listNodes(api), before.claims, free);
    return { ...nothing, subject: undefined, before, decided, isUnserved: false };
  },
  reconcile,
  remember({ decided }, _, inputs) {
    if (decided !== undefined) inputs.unserved = new Set(decided.unserved.map(ownerOf));
  },
  explain,
});

export default plugin;
