/**
 * The process that serves the API to the benchmark: `server.ts JSON`. What kube-apiserver and etcd are together: API, all
 * kinds, store, authentication, the admission that every cluster has; with a scheduler when one is named. No controllers, no
 * nodes. Prints where it serves. Ends with its parent.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKernel, createRealEnv } from '@timonel/core';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';

export interface ServerOptions {
  readonly dataDir: string;
  /** Name of the plugin that decides, beside the scheduler's host. Absent: nothing is scheduled. */
  readonly scheduler?: string;
}

export interface ServedAt {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
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
  ...(scheduler === undefined ? [] : ['scheduler-host', 'scheduling-volumes', scheduler]),
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
const served: ServedAt = { url: endpoint.url(), ca: endpoint.caCertificate(), token };
console.log(JSON.stringify(served));
