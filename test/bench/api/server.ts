/**
 * The process that serves the API to the benchmark: `server.ts JSON`. What kube-apiserver and etcd are together: API, all
 * kinds, store, authentication, roles and node authorisation, the admission that every cluster has; with a scheduler when one is named. No controllers, no
 * nodes. Prints where it serves. Ends with its parent.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { createKernel, createRealEnv } from '@timonel/core';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { apiErrorReason, clusterRoleBindings, subjectAccessReviews } from '@timonel/sdk/kube';

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
  'authz-node',
  'authz-rbac',
  'admission-namespace',
  'service-allocator',
  ...(scheduler === undefined ? [] : ['scheduler-host', 'scheduling-volumes', scheduler]),
];
/** Not of the administrators, whom nobody decides about. */
const token = 'token-of-the-client-of-the-benchmark';
const username = 'bench';
const configuration: Readonly<Record<string, unknown>> = {
  'auth-token': { tokens: [{ token, username }] },
  apiserver: { listen: { address: '127.0.0.1', port: 0 }, access: 'decided' },
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

/** May do everything, by a role. */
async function giveRights(api: ApiClient): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io';
  const binding = {
    metadata: { name: username },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup, kind: 'User', name: username }],
  };
  await api.create(clusterRoleBindings, binding).catch((error: unknown) => {
    // A server that starts again has it.
    if (apiErrorReason(error) !== 'AlreadyExists') throw error;
  });
  const spec = { user: username, resourceAttributes: { verb: 'get', resource: 'pods' } };
  while ((await api.create(subjectAccessReviews, { metadata: {}, spec })).status?.allowed !== true)
    await setImmediate();
}

await kernel.start();
const endpoint = kernel.service(apiEndpoint);
await giveRights(kernel.service(apiClient));
const served: ServedAt = { url: endpoint.url(), ca: endpoint.caCertificate(), token };
console.log(JSON.stringify(served));
