/**
 * The process that is measured: `server.ts JSON`. API, store, and the plugins that it is told to run. Prints where it serves; to
 * each line on its stdin it answers with its memory. Ends with its parent.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createKernel, createRealEnv } from '@timonel/core';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import type { ServedAt } from '../api/server.ts';

export interface ServerOptions {
  readonly dataDir: string;
  /** Beside API and store. */
  readonly plugins: readonly { readonly plugin: string; readonly config?: unknown }[];
}

export interface Memory {
  /** After a collection of garbage, buffers included. */
  readonly heapMB: number;
}

const { dataDir, plugins } = JSON.parse(process.argv[2] ?? '{}') as ServerOptions;

const control: ServerOptions['plugins'] = [
  { plugin: 'store-raft' },
  { plugin: 'auth-token' },
  { plugin: 'auth-certificate' },
  { plugin: 'auth-serviceaccount' },
  { plugin: 'apiserver', config: { listen: { address: '127.0.0.1', port: 0 } } },
  { plugin: 'api-resources' },
  { plugin: 'admission-namespace' },
  { plugin: 'service-allocator', config: { clusterIpRange: '10.96.0.0/16', publishEndpoint: false } },
];

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (...line: unknown[]) => console.error(...line),
  error: (...line: unknown[]) => console.error(...line),
  child: () => log,
};

const entries = await Promise.all(
  [...control, ...plugins].map(async ({ plugin, config = {} }) => {
    const { default: definition } = (await import(`@timonel/plugin-${plugin}`)) as { default: AnyPlugin };
    return { definition, source: 'built-in', config };
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

function memory(): Memory {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { heapMB: (heapUsed + external) / 1e6 };
}

await kernel.start();
const endpoint = kernel.service(apiEndpoint);
const token = readFileSync(join(dataDir, 'auth-token', 'admin.token'), 'utf8').trim();
const served: ServedAt = { url: endpoint.url(), ca: endpoint.caCertificate(), token };
console.log(JSON.stringify(served));
createInterface({ input: process.stdin })
  .on('line', () => console.log(JSON.stringify(memory())))
  .on('close', () => void stop());
