// A whole API server of the built tree, for as long as a page asks it something. Its store is memory; it listens on loopback alone.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { load, shippedPlugins } from './sources.mjs';

const settings = {
  instance: 'docs',
  nodeName: 'node',
  address: '127.0.0.1',
  port: 0,
  podCidr: '10.244.0.0/24',
  serviceCidr: '10.96.0.0/16',
  onShutdown: 'remove',
  hasNftables: false,
};

function get({ url, ca, token }, path, accept) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept, connection: 'close' };
    const sent = request(new URL(path, url), { ca, headers, timeout: 10_000 }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString('utf8') }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`${path}: no answer`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Runs the control plane of every profile, with the store in memory, and gives `use` a function that asks it. */
export async function withLiveServer(use) {
  const [{ startTestKernel }, { controlPlane }, { apiEndpoint }, shipped] = await Promise.all([
    load('sdk/testkit/dist/test-kernel.js'),
    load('cli/dist/profiles/control-plane.js'),
    load('sdk/dist/contracts/api-server/index.js'),
    shippedPlugins(),
  ]);
  const entries = controlPlane(settings).filter(({ plugin }) => !plugin.startsWith('store-') && plugin !== 'api-store');
  const kernel = await startTestKernel({
    plugins: ['store-memory', ...entries.map(({ plugin }) => plugin)].map((name) => shipped.get(name)),
    config: Object.fromEntries(entries.map(({ plugin, config = {} }) => [plugin, config])),
  });
  try {
    const endpoint = kernel.service(apiEndpoint);
    const token = readFileSync(join(kernel.dataDir, 'auth-token', 'admin.token'), 'utf8').trim();
    const server = { url: endpoint.url(), ca: endpoint.caCertificate(), token };
    return await use((path, accept = 'application/json') => get(server, path, accept));
  } finally {
    await kernel.stop();
  }
}
