/** Requests through `ingress-haproxy` with a thousand routes, beside haproxy and nginx that do nothing but pass them on. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { mustRun, run } from '@timonel/sdk/command';
import { freePort } from '@timonel/testkit/free-port';
import { Engine } from '../../plugins/ingress-haproxy/src/haproxy/engine.ts';
import type { Route } from '../../plugins/ingress-haproxy/src/routing/model.ts';
import { until } from '../support/until.ts';
import type { Bench } from './bench.ts';
import { median, type Figure } from './figures.ts';
import { cpuMicrosOf } from './network/load-program.ts';

const seconds = 2;
const connections = 32;
const routes = 1_000;
const wantedShare = 0.6;

interface Peer {
  readonly name: string;
  readonly port: number;
  /** Whose children work. */
  readonly pid: number;
}

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** CPU time of the proxy for each request. */
  readonly micros: number;
}

function workersOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((word) => word !== '');
  return children.length === 0 ? [pid] : children.map(Number);
}

function nginxText(directory: string, name: string, servers: string): string {
  return `daemon off; worker_processes 1; pid ${directory}/${name}.pid; error_log ${directory}/${name}.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000; client_body_temp_path ${directory}/${name}-body; proxy_temp_path ${directory}/${name}-proxy; ${servers} }`;
}

async function answering(port: number): Promise<void> {
  const ok = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/`)).status === 200;
  await until(ok, { what: `an answer at port ${port}` });
}

class Bed {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bi-'));
  readonly #children: ChildProcess[] = [];
  readonly #stop = new AbortController();
  #engine: Engine | undefined;

  async peers(): Promise<readonly Peer[]> {
    const pod = await freePort();
    const direct = await this.#nginx(
      'pod',
      pod,
      `server { listen 127.0.0.1:${pod}; location / { return 200 "hello from a pod\\n"; } }`,
    );
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const upstream = `upstream pods { server 127.0.0.1:${pod}; keepalive 128; keepalive_requests 1000000; }`;
    const pass =
      'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://pods;';
    const nginx = await this.#nginx(
      'nginx',
      ports[0],
      `${upstream} server { listen 127.0.0.1:${ports[0]}; location / { ${pass} } }`,
    );
    return [direct, nginx, await this.#haproxy(ports[1], pod), await this.#ours(ports[2], pod)];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#engine?.stop(false);
    for (const child of this.#children) child.kill('SIGTERM');
    await until(() => this.#children.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null), {
      what: 'the peers to end',
    });
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(name: string, port: number, words: readonly [string, ...string[]]): Promise<Peer> {
    const [program, ...args] = words;
    const child = spawn(program, args, { stdio: 'ignore' });
    this.#children.push(child);
    await answering(port);
    return { name, port, pid: child.pid ?? 0 };
  }

  #nginx(name: string, port: number, servers: string): Promise<Peer> {
    const file = join(this.#directory, `${name}.conf`);
    writeFileSync(file, nginxText(this.#directory, name, servers));
    return this.#start(name === 'pod' ? 'direct' : name, port, ['nginx', '-c', file]);
  }

  #haproxy(port: number, pod: number): Promise<Peer> {
    const file = join(this.#directory, 'peer.cfg');
    const lines = [
      'global',
      '  nbthread 1',
      'defaults',
      '  mode http',
      '  timeout client 30s',
      '  timeout server 30s',
      '  timeout connect 5s',
      '  option forwardfor',
      'frontend f',
      `  bind 127.0.0.1:${port}`,
      '  default_backend b',
      'backend b',
      `  server s 127.0.0.1:${pod}`,
      '',
    ];
    writeFileSync(file, lines.join('\n'));
    return this.#start('haproxy', port, ['haproxy', '-db', '-f', file]);
  }

  async #ours(port: number, pod: number): Promise<Peer> {
    const dataDir = join(this.#directory, 'ours');
    mkdirSync(dataDir);
    const silent = (): void => undefined;
    const engine = new Engine({
      env: createRealEnv(),
      log: { debug: silent, info: silent, warn: silent, error: silent } as never,
      signal: this.#stop.signal,
      program: 'haproxy',
      dataDir,
      socketDir: dataDir,
      confine: process.getuid?.() === 0,
      reloadPauseMs: 0,
      render: {
        addresses: ['127.0.0.1'],
        maxConnections: 2_000,
        threads: 1,
        drainSeconds: 10,
        serverTimeoutMs: 30_000,
        tunnelTimeoutMs: 30_000,
        trustedProxies: [],
        acceptProxy: false,
      },
    });
    this.#engine = engine;
    const target = { kind: 'choices', choices: [{ upstream: 'pods', weight: 1, behaviour: {} }] } as const;
    const all = Array.from({ length: routes }, (_, index): Route => ({
      ports: [port],
      // The last takes what has no host of them.
      host: index === routes - 1 ? { kind: 'any', name: '' } : { kind: 'exact', name: `h${index}.test` },
      path: { kind: 'prefix', value: '/' },
      conditions: [],
      target,
      order: String(index),
    }));
    const upstreams = new Map([
      ['pods', { id: 'pods', protocol: 'http', endpoints: [{ address: '127.0.0.1', port: pod }] }],
    ] as const);
    engine.update({ listeners: [{ port, tls: false, certificates: [] }], routes: all, upstreams });
    await engine.settled();
    await answering(port);
    return { name: 'ingress-haproxy', port, pid: Number(readFileSync(join(dataDir, 'haproxy.pid'), 'utf8')) };
  }
}

async function measure({ port, pid }: Peer, isNew: boolean): Promise<Sample> {
  const cpu = (): number => workersOf(pid).reduce((sum, worker) => sum + cpuMicrosOf(worker), 0);
  const before = cpu();
  const close = isNew ? ['-H', 'Connection: close'] : [];
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '-H',
    'Host: h7.test',
    ...close,
    `http://127.0.0.1:${port}/`,
  ];
  const text = await mustRun('wrk', args);
  if (text.includes('Non-2xx')) throw new Error(`requests failed: ${text}`);
  const [, count = '0'] = /(\d+) requests in/.exec(text) ?? [];
  const [, perSecond = '0'] = /Requests\/sec:\s+([\d.]+)/.exec(text) ?? [];
  const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
  const scale = { us: 0.001, ms: 1, s: 1000 }[unit] ?? 1;
  return { perSecond: Number(perSecond), p99Ms: Number(p99) * scale, micros: (cpu() - before) / Number(count) };
}

export const ingress: Bench = {
  name: 'ingress',
  description: `requests through ingress-haproxy with ${routes} routes, beside haproxy and nginx (Debian: haproxy, nginx-light, wrk)`,
  needsRoot: false,
  defaultRounds: 3,
  async run({ rounds, note }) {
    for (const [program, version] of [
      ['haproxy', '-v'],
      ['nginx', '-v'],
      ['wrk', '-v'],
    ] as const)
      await run(program, [version]);
    const bed = new Bed();
    const figures: Figure[] = [];
    try {
      const peers = await bed.peers();
      for (const isNew of [false, true]) {
        const kind = isNew ? 'new connections' : 'keep-alive';
        const samples = new Map<string, Sample[]>(peers.map(({ name }) => [name, []]));
        for (let round = 0; round < rounds; round++) {
          for (const peer of peers) samples.get(peer.name)?.push(await measure(peer, isNew));
          note(`${kind}: round ${round + 1} of ${rounds}`);
        }
        const microsOf = (name: string): number => median((samples.get(name) ?? []).map(({ micros }) => micros));
        const share = Math.min(microsOf('haproxy'), microsOf('nginx')) / microsOf('ingress-haproxy');
        for (const [name, list] of samples) {
          figures.push({
            bench: 'ingress',
            name: `${name}, ${kind}: requests/s`,
            unit: '1/s',
            samples: list.map(({ perSecond }) => perSecond),
          });
          figures.push({
            bench: 'ingress',
            name: `${name}, ${kind}: p99`,
            unit: 'ms',
            samples: list.map(({ p99Ms }) => p99Ms),
          });
          figures.push({
            bench: 'ingress',
            name: `${name}, ${kind}: CPU a request`,
            unit: 'µs',
            samples: list.map(({ micros }) => micros),
          });
        }
        const verdict = { wanted: `≥ ${wantedShare * 100} %`, met: share >= wantedShare };
        figures.push({
          bench: 'ingress',
          name: `${kind}: CPU of the better peer by that of ingress-haproxy`,
          unit: '%',
          samples: [share * 100],
          verdict,
        });
      }
    } finally {
      await bed.close();
    }
    return figures;
  },
};
