import { BlockList, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { clusterDns, type ClusterDns } from '@timonel/sdk/contracts/dns';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { ClusterSource } from './cluster-source.ts';
import { configSchema, parseUpstream } from './config.ts';
import { Forwarder } from './forward/forwarder.ts';
import { Listeners } from './listeners.ts';
import { dnsMetrics, rcodeName } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { Answerer } from './server/answer-message.ts';
import { nodeServers } from './upstreams.ts';
import { ClusterNames } from './zone/cluster-names.ts';
import { Zone } from './zone/zone.ts';

/** Of one question to another server, and of all tries together, in ms. */
const attemptMs = 1500;
const totalMs = 4500;
const cacheEntries = 10_000;
const cacheBytes = 16 * 1024 * 1024;
/** The same trouble is said again after so long, in ms. */
const sayAgainMs = 60_000;

const plugin: AnyPlugin = definePlugin({
  name: 'dns-node',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'DNS for the pods of this node: names of services, also while the API is away; all others by other servers',
  provides: { dns: clusterDns },
  requires: { api: apiClient, network: podNetwork },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { config, env, log } = ctx;
    const names = new ClusterNames();
    const source = new ClusterSource({
      host: ctx,
      api: ctx.deps.api,
      names,
      memoryFile: join(ctx.dataDir, 'names.json'),
    });
    const metrics = ctx.metrics(dnsMetrics, (instruments) => instruments.services.of().set(names.size));
    const clients = clientList(config.clientCidrs);
    let saidMs = -Infinity;
    const configured = config.upstreams.flatMap((text) => parseUpstream(text) ?? []);
    const servers = configured.length > 0 ? () => configured : nodeServers(env, () => listeners.address);
    const forwarder = new Forwarder({
      env,
      servers,
      cache: {
        entries: cacheEntries,
        bytes: cacheBytes,
        positiveSeconds: config.cacheSeconds,
        negativeSeconds: config.negativeCacheSeconds,
      },
      concurrent: config.concurrentForwards,
      attemptMs,
      totalMs,
    });
    const zone = new Zone(names, { domain: config.clusterDomain, ttlSeconds: config.ttlSeconds });
    const resolver = new Resolver({
      env,
      zone,
      forwarder,
      ready: () => source.ready,
      failed(why) {
        metrics.failures.of().add();
        if (env.clock.monotonic() - saidMs < sayAgainMs) return;
        saidMs = env.clock.monotonic();
        log.warn({ why }, 'a name outside of the cluster could not be answered');
      },
    });
    const answerer = new Answerer({
      resolver,
      version: () => (source.ready ? names.version : -1),
      counted(proto, from, type, rcode) {
        metrics.requests.of(from, proto, type).add();
        metrics.responses.of(from, rcodeName(rcode)).add();
      },
    });
    const stop = new AbortController();
    const listeners: Listeners = new Listeners({
      env,
      log,
      answerer,
      serves: (address) => clients.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'),
      address: async () => config.address ?? (await ctx.deps.network.nodeNetwork()).nodeAddress,
      port: config.port,
      signal: AbortSignal.any([ctx.signal, stop.signal]),
    });
    const dns: ClusterDns = {
      resolver() {
        const { address } = listeners;
        return address === undefined ? undefined : { nameservers: [address], domain: config.clusterDomain };
      },
      status: () => ({
        implementation: 'node',
        listening: listeners.sockets,
        services: names.size,
        ready: source.ready,
        upstreams: servers().map(({ address, port }) => (port === 53 ? address : `${address}:${port}`)),
        lastError: listeners.lastError,
      }),
    };
    return {
      provides: { dns },
      async start() {
        const { podCidr } = await ctx.deps.network.nodeNetwork();
        addRange(clients, podCidr);
        await source.start();
        await listeners.start();
      },
      async stop() {
        stop.abort();
        await listeners.stop();
        forwarder.stop();
        await source.stop();
      },
    };
  },
});

/** Others could use it to flood somebody: small questions with a forged sender, large answers. */
function clientList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of ['127.0.0.0/8', '::1/128', ...cidrs]) addRange(list, cidr);
  return list;
}

function addRange(list: BlockList, cidr: string): void {
  const [address = '', length = ''] = cidr.split('/');
  list.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4');
}

export default plugin;
