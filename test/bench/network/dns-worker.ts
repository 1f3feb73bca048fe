/** Names of services, asked from another core: each server has one of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { benchServices } from './bench-services.ts';
import type { DnsServerOptions } from './dns-server.ts';
import { compileLoad, cpuMicrosOf, runLoad, startSaying, type LoadResult } from './load-program.ts';

/** With the CPU time of the server, for each question. */
export interface Questions extends LoadResult {
  readonly serverMicros: number;
}

const subjects = { own: 5301, dnsmasq: 5302 } as const;
export type DnsSubject = keyof typeof subjects;
export type DnsSamples = Readonly<Record<DnsSubject, readonly Questions[]>>;

const services = 5000;
const address = '127.0.0.1';
const load = { kind: 'dns', address, clients: 32, count: 150_000 } as const;
const warmUp = 50_000;

const onCore = (core: number): readonly string[] =>
  availableParallelism() > 1 ? ['taskset', '-c', String(core)] : ['env'];

async function startDnsmasq(directory: string): Promise<ChildProcess> {
  const hosts = join(directory, 'hosts');
  const lines = benchServices(services - 1).map(({ name, address: of }) => `${of} ${name}.default.svc.cluster.local`);
  await writeFile(hosts, `${lines.join('\n')}\n`);
  const words = [
    ...onCore(1),
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    '--no-resolv',
    '--no-hosts',
    `--addn-hosts=${hosts}`,
    '--local=/cluster.local/',
    '--cache-size=10000',
    `--port=${subjects.dnsmasq}`,
    `--listen-address=${address}`,
    '--bind-interfaces',
  ];
  const [first = '', ...rest] = words;
  return spawn(first, rest, { stdio: ['ignore', 'inherit', 'inherit'] });
}

async function startOwn(directory: string): Promise<ChildProcess> {
  const options: DnsServerOptions = { dataDir: join(directory, 'own'), services, port: subjects.own };
  await mkdir(options.dataDir);
  const program = join(import.meta.dirname, 'dns-node.mjs');
  const flags = (process.env['TIMONEL_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  return (await startSaying([...onCore(1), process.execPath, ...flags, program, JSON.stringify(options)])).child;
}

export async function work(directory: string, rounds: number): Promise<DnsSamples> {
  const program = await compileLoad(directory);
  const servers = { own: await startOwn(directory), dnsmasq: await startDnsmasq(directory) };
  const names = `${benchServices(services - 1)
    .map(({ name }) => `${name}.default.svc.cluster.local`)
    .join('\n')}\n`;
  const samples: Record<DnsSubject, Questions[]> = { own: [], dnsmasq: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of Object.keys(subjects) as DnsSubject[]) {
      const ask = (count: number): Promise<LoadResult> =>
        runLoad(program, onCore(0), { ...load, port: subjects[subject], count }, names);
      if (round === 0) await ask(warmUp);
      const pid = servers[subject].pid ?? 0;
      const before = cpuMicrosOf(pid);
      const result = await ask(load.count);
      if (result.failed > load.count / 1000) throw new Error(`${subject}: ${result.failed} questions had no answer`);
      samples[subject].push({ ...result, serverMicros: (cpuMicrosOf(pid) - before) / load.count });
    }
    console.error(`dns: round ${round + 1} of ${rounds}`);
  }
  const ended = new Promise((resolve) => servers.own.once('exit', resolve));
  servers.own.stdin?.end();
  await ended;
  return samples;
}
