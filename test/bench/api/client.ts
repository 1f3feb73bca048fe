/** The process that loads the API: `client.ts JSON`. Every client has a connection and waits for its answer before it asks again. */
import { HttpConnection, type Question } from './http-connection.ts';
import { configMap, configMapsPath, node, nodesPath, pod, podsPath, sharedObjects } from './objects.ts';
import type { ServedAt } from './server.ts';

export type Operation = 'create' | 'get' | 'patch' | 'list' | 'listCached' | 'createPods' | 'createNodes';

export interface LoadOptions {
  readonly server: ServedAt;
  readonly operation: Operation;
  readonly clients: number;
  readonly requests: number;
  /** Begins the names of what is made, or read. */
  readonly prefix: string;
}

export interface LoadResult {
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the last answer. */
  readonly bytes: number;
  /** Share of a core that this process used. */
  readonly clientCpu: number;
}

const questions: Readonly<Record<Operation, (prefix: string, at: number) => Question>> = {
  create: (prefix, at) => ({ method: 'POST', path: configMapsPath, body: configMap(`${prefix}${at}`) }),
  get: (prefix, at) => ({ method: 'GET', path: `${configMapsPath}/${prefix}${at % sharedObjects}` }),
  patch: (prefix, at) => ({
    method: 'PATCH',
    path: `${configMapsPath}/${prefix}${at % sharedObjects}`,
    contentType: 'application/merge-patch+json',
    body: `{"data":{"at":"${at}"}}`,
  }),
  list: () => ({ method: 'GET', path: podsPath }),
  listCached: () => ({ method: 'GET', path: `${podsPath}?resourceVersion=0` }),
  createPods: (prefix, at) => ({ method: 'POST', path: podsPath, body: pod(`${prefix}${at}`, at) }),
  createNodes: (prefix, at) => ({ method: 'POST', path: nodesPath, body: node(`${prefix}${at}`) }),
};

async function load(options: LoadOptions): Promise<LoadResult> {
  const { server, operation, clients, requests, prefix } = options;
  const connections = await Promise.all(Array.from({ length: clients }, () => HttpConnection.open(server)));
  const latencies = new Float64Array(requests);
  const questionOf = questions[operation];
  let sent = 0;
  let bytes = 0;
  const client = async (connection: HttpConnection): Promise<void> => {
    while (sent < requests) {
      const at = sent++;
      const question = questionOf(prefix, at);
      const asked = performance.now();
      bytes = await connection.ask(question);
      latencies[at] = performance.now() - asked;
    }
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(connections.map(client));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  latencies.sort();
  const quantile = (share: number): number => latencies[Math.ceil(share * requests) - 1] ?? Number.NaN;
  const clientCpu = (user + system) / 1e6 / seconds;
  return { seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), bytes, clientCpu };
}

console.log(JSON.stringify(await load(JSON.parse(process.argv[2] ?? '{}') as LoadOptions)));
