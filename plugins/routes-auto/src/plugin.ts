import { createHash } from 'node:crypto';
import { definePlugin, errorMessage, type AnyPlugin, type StopReason } from '@timonel/sdk';
import { defaultPath, run } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { formatIpRange } from '@timonel/sdk/contracts/network';
import { controller } from '@timonel/sdk/contracts/controller';
import { informers, runController, type Informer, type KeySource } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';
import { configSchema, type RoutesAutoConfig } from './config.ts';
import { RouteKeeper } from './route-keeper.ts';
import { factsOf } from './wanted-routes.ts';

const key = 'routes';

/** Of the tunnels' link and of the table with its rules; two clusters on one machine have different data directories. */
function namesFor(dataDir: string): { readonly link: string; readonly table: string } {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return { link: `tx${id}`, table: `timonel_${id}_tunnel` };
}

/** Heartbeats change nodes all the time; only what routes are made of counts. */
function sourceOf(informer: Informer<Node>): KeySource {
  const text = (node: Node): string => {
    const { ranges, addresses } = factsOf(node);
    return [...ranges.map(formatIpRange), addresses[4], addresses[6]].join(' ');
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

const plugin: AnyPlugin = definePlugin({
  name: 'routes-auto',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Keeps a route to the pods of every other node: plain on a common link, through a VXLAN tunnel otherwise.',
  provides: { controller },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { config, log } = ctx;
    const keeper = new RouteKeeper({
      ...config,
      ...namesFor(ctx.dataDir),
      run: (program, args, input) => run(program, args, input, defaultPath()),
    });
    const set = informers(ctx, ctx.deps.api);
    const informer = set.for(nodes);
    let said: ReadonlySet<string> = new Set();

    /** Each problem once, until it is over. */
    function report(problems: readonly string[]): void {
      for (const problem of problems.filter((each) => !said.has(each))) log.warn({}, problem);
      said = new Set(problems);
    }

    // A list that fails leaves the cache as it is: while the API is away, so do the routes stay.
    const running = runController({
      ctx,
      name: 'routes-auto',
      informers: set,
      workers: 1,
      sources: [sourceOf(informer)],
      async reconcile() {
        const { added, removed, problems } = await keeper.sync(informer.list());
        report(problems);
        if (added.length + removed.length > 0)
          log.info({ added, removed }, 'routes to the pods of other nodes changed');
        return { requeueAfterMs: config.checkIntervalMs };
      },
    });
    return {
      ...running,
      async stop(reason?: StopReason) {
        await running.stop(reason);
        if (!removesAt(reason, config)) return;
        await keeper.removeAll().catch((error: unknown) => {
          log.warn({ error: errorMessage(error) }, 'routes to the pods of other nodes stay: they could not be removed');
        });
      },
    };
  },
});

export default plugin;
