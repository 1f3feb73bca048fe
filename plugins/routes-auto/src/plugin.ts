import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin, type StopReason } from '@timonel/sdk';
import { defaultPath, run } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { formatIpRange, podNetwork } from '@timonel/sdk/contracts/network';
import { controller } from '@timonel/sdk/contracts/controller';
import { informers, runController, type Informer, type KeySource } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';
import { configSchema, type RoutesAutoConfig } from './config.ts';
import { RouteKeeper, type RouteKeeperOptions } from './route-keeper.ts';
import { factsOf } from './wanted-routes.ts';
import { loadKey, wireguardAnnotation } from './wireguard-key.ts';

const key = 'routes';

/** Of the tunnels' links and of the table with their rules; two clusters on one machine have different data directories. */
function namesFor(dataDir: string): Pick<RouteKeeperOptions, 'link' | 'wireguardLink' | 'table'> {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return { link: `tx${id}`, wireguardLink: `tw${id}`, table: `timonel_${id}_tunnel` };
}

/** Heartbeats change nodes all the time; only what routes are made of counts. */
function sourceOf(informer: Informer<Node>): KeySource {
  const text = (node: Node): string => {
    const { ranges, addresses, announcement } = factsOf(node);
    return [...ranges.map(formatIpRange), addresses[4], addresses[6], announcement].join(' ');
  };
  return {
    connect: (add) =>
      informer.addHandler({
        added: () => add(key),
        updated: (node, old) => {
          if (text(node) !== text(old)) add(key);
        },
        deleted: () => add(key),
      }),
    all: () => [key],
  };
}

function removesAt(reason: StopReason | undefined, { onShutdown }: RoutesAutoConfig): boolean {
  return reason === 'disable' || (reason === 'shutdown' && onShutdown === 'remove');
}

/** Says each text once, until it is over. */
function oncePerText(say: (text: string) => void): (texts: readonly string[]) => void {
  let said: ReadonlySet<string> = new Set();
  return (texts) => {
    for (const text of texts.filter((each) => !said.has(each))) say(text);
    said = new Set(texts);
  };
}

const plugin: AnyPlugin = definePlugin({
  name: 'routes-auto',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Keeps a route to the pods of every other node: plain on a common link, otherwise through a tunnel: WireGuard where both nodes have it, VXLAN where not.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { network: podNetwork },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { config, log } = ctx;
    const keeper = new RouteKeeper({
      ...config,
      ...namesFor(ctx.dataDir),
      loadKey: () => loadKey(join(ctx.dataDir, 'wireguard.key')),
      run: (program, args, input) => run(program, args, input, defaultPath()),
    });
    const set = informers(ctx, ctx.deps.api);
    const informer = set.for(nodes);
    const say = { warn: oncePerText((text) => log.warn({}, text)), info: oncePerText((text) => log.info({}, text)) };

    /** Makes the Node object of this node say it; '' for nothing. */
    async function announce(announcement: string): Promise<void> {
      const own = informer.get(config.nodeName);
      if (own === undefined || factsOf(own).announcement === announcement) return;
      const annotations = { [wireguardAnnotation]: announcement === '' ? null : announcement };
      const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
      await ctx.deps.api.patch(nodes, { name: config.nodeName }, patch, { fieldManager: 'routes-auto' });
    }

    async function reconcile(): Promise<{ requeueAfterMs: number }> {
      const { added, removed, problems, notes, announcement, mtuBytes } = await keeper.sync(informer.list());
      const failed: string[] = [];
      const attempt = async (what: string, work: Promise<void> | undefined): Promise<void> =>
        work?.catch((error: unknown) => void failed.push(`${what}: ${errorMessage(error)}`));
      await attempt('the key of WireGuard cannot be told to other nodes', announce(announcement));
      if (mtuBytes !== undefined) {
        await attempt('pods cannot be told how large packets may be', ctx.deps.network.current?.limitMtu?.(mtuBytes));
      }
      say.warn([...problems, ...failed]);
      say.info(notes);
      if (added.length + removed.length > 0) log.info({ added, removed }, 'routes to the pods of other nodes changed');
      return { requeueAfterMs: config.checkIntervalMs };
    }

    // A list that fails leaves the cache as it is: while the API is away, so do the routes stay.
    const running = runController({
      ctx,
      name: 'routes-auto',
      informers: set,
      workers: 1,
      sources: [sourceOf(informer)],
      reconcile,
    });
    return {
      ...running,
      async stop(reason?: StopReason) {
        await running.stop(reason);
        if (!removesAt(reason, config)) return;
        await keeper.removeAll().catch((error: unknown) => {
          log.warn({ error: errorMessage(error) }, 'routes to the pods of other nodes stay: they could not be removed');
        });
        if (reason === 'disable') await announce('').catch(() => undefined);
      },
    };
  },
});

export default plugin;
