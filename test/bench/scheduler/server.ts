/**
 * The process that serves a whole cluster to the benchmark: `server.ts JSON`. API, all kinds, store-raft with one member,
 * authentication, admission, the scheduler's host and one scheduler. No controllers, no nodes but those that clients make.
 * Prints where it serves. Ends with its parent.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKernel, createRealEnv } from '@timonel/core';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';

export interface ServerOptions {
  readonly dataDir: string;
  /** Name of the plugin that decides. */
  readonly scheduler: string;
}

const { dataDir, scheduler } = JSON.parse(process.argv[2] ?? '{}') as ServerOptions;

const plugins = [
  'store-raft',
  'auth-token',
  'auth-certificate',
  'apiserver',
  'api-resources',
  'admission-namespace',
  'service-allocator',
  'scheduler-host',
  scheduler,
];
const configuration: Readonly<Record<string, unknown>> = {
  apiserver: { listen: { address: '127.0.0.1', port: 0 } },
  'service-allocator': { clusterIpRange: '10.96.0.0/16', publishEndpoint: false },
};

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (...line: unknown[]) => console.error(...line),
  error: (...line: unknown[]) => console.error(...line),
  child: () => log,
};

// The parent holds the other end.
process.stdin.on('end', () => void stop()).resume();
const entries = await Promise.all(
  plugins.map(async (name) => {
    const { default: definition } = (await import(`@timonel/plugin-${name}`)) as { default: AnyPlugin };
    return { definition, source: 'built-in', config: configuration[name] ?? {} };
  }),
);
const kernel = createKernel({
  env: createRealEnv(),
  log,
  plugins: entries,
  dataDirOf: (plugin) => {
    const dir = join(dataDir, plugin);
    mkdirSync(dir, { recursive: true });
    return dir;
  },
});

async function stop(): Promise<void> {
  await kernel.stop('shutdown');
  process.exit(0);
}

await kernel.start();
const endpoint = kernel.service(apiEndpoint);
const token = readFileSync(join(dataDir, 'auth-token', 'admin.token'), 'utf8').trim();
console.log(JSON.stringify({ url: endpoint.url(), ca: endpoint.caCertificate(), token }));
