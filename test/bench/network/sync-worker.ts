/** How soon the kernel of a node has what the API has: a whole cluster at the start, and one change of one endpoint. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepProcessAlive } from '@timonel/core/env';
import { Client } from '../controllers/client.ts';
import { servedAt } from '../server-process.ts';
import { benchServices, podPort, servicePort, type BenchService } from './bench-services.ts';
import { startSaying } from './load-program.ts';
import type { NodeOptions } from './sync-node.ts';

export interface SyncSamples {
  /** From the start of the plugins until the kernel has all services, in ms. */
  readonly firstSyncMs: readonly number[];
  /** From the request that changes an endpoint until the kernel has it, in ms. */
  readonly changeMs: readonly number[];
}

const others = 4999;
const changesEach = 50;
/** Changes before those that count: code runs slowly at first. */
const warmUps = 20;
const changeLimitMs = 20_000;
const readMs = 1500;
/** Between two changes: each is to be alone. */
const pauseMs = 100;

const sleep = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(resolve, ms, false));

const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const services = '/api/v1/namespaces/default/services';

const serviceObject = ({ name }: BenchService): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ name: 'http', port: servicePort, targetPort: podPort }] },
});
const endpointsOf = (addresses: readonly string[]): object[] =>
  addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
const sliceObject = ({ name, endpoints }: BenchService): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: endpointsOf(endpoints),
  ports: [{ name: 'http', protocol: 'TCP', port: podPort }],
});

/** Tells when the kernel has something, by `nft monitor`. */
class KernelWatch {
  readonly #child = spawn('nft', ['monitor', 'new', 'elements'], { stdio: ['ignore', 'pipe', 'inherit'] });
  #wanted: { readonly text: string; readonly seen: () => void } | undefined;

  constructor() {
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      rest = (rest + text).slice(-65_536);
      if (this.#wanted !== undefined && rest.includes(this.#wanted.text)) this.#wanted.seen();
    });
  }

  sees(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the kernel does not have ${text}`)), changeLimitMs);
      this.#wanted = {
        text,
        seen: () => {
          clearTimeout(timer);
          resolve();
        },
      };
    });
  }

  /** It hears only of what comes after it has read all that is there, and begins anew when that changes meanwhile. */
  async ready(change: (address: string) => Promise<void>): Promise<void> {
    const seen = this.sees('10.202.').then(() => true);
    for (let turn = 0; ; turn += 1) {
      await sleep(readMs);
      await change(`10.202.0.${turn}`);
      if (await Promise.race([seen, sleep(readMs)])) return;
    }
  }

  close(): void {
    this.#child.kill();
  }
}

async function measureChanges(client: Client, watch: KernelWatch, count: number): Promise<number[]> {
  const samples: number[] = [];
  const change = (name: string, address: string): Promise<void> =>
    client.patch(`${slices}/${name}`, { endpoints: endpointsOf([address, '10.201.0.1', '10.201.0.2']) });
  await watch.ready((address) => change('other-0', address));
  for (let turn = -warmUps; turn < count; turn += 1) {
    const number = turn + warmUps;
    const address = `10.200.${number >> 8}.${number & 255}`;
    await sleep(pauseMs);
    const began = performance.now();
    const seen = watch.sees(`${address} . ${podPort}`);
    await change(`other-${number + 1}`, address);
    await seen;
    if (turn >= 0) samples.push(performance.now() - began);
  }
  return samples;
}

export async function work(directory: string, rounds: number): Promise<SyncSamples> {
  keepProcessAlive();
  const program = join(import.meta.dirname, '..', 'controllers', 'server.ts');
  const options = JSON.stringify({ dataDir: join(directory, 'server'), plugins: [] });
  const child = spawn(process.execPath, ['--import', 'tsx', program, options], { stdio: 'pipe' });
  const server = await servedAt(child);
  const [caFile, tokenFile] = [join(directory, 'ca.crt'), join(directory, 'token')];
  writeFileSync(caFile, server.ca);
  writeFileSync(tokenFile, server.token, { mode: 0o600 });
  return Client.use(server, async (client) => {
    const all = benchServices(others);
    await client.createAll(services, all.map(serviceObject) as never);
    await client.createAll(slices, all.map(sliceObject) as never);
    console.error(`sync: the API has ${all.length} services`);
    const firstSyncMs: number[] = [];
    const changeMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const dataDir = join(directory, `node-${round}`);
      const node: NodeOptions = { dataDir, server: server.url, caFile, tokenFile, rules: all.length };
      const words = [process.execPath, join(import.meta.dirname, 'sync-node.mjs'), JSON.stringify(node)];
      const { child: proxy, line } = await startSaying(words);
      firstSyncMs.push(Number(line));
      if (round === rounds - 1) {
        const watch = new KernelWatch();
        changeMs.push(...(await measureChanges(client, watch, rounds * changesEach)));
        watch.close();
      }
      const ended = new Promise((resolve) => proxy.once('exit', resolve));
      proxy.stdin?.end();
      await ended;
    }
    return { firstSyncMs, changeMs };
  });
}
