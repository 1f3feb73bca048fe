/** A client, a node that forwards, and the pods of another node: network namespaces that are joined by two links. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '@timonel/sdk/command';
import { answering, podPort } from './bench-services.ts';
import type { DataPlane } from './data-plane.ts';
import { cpuMicrosOf, runLoad, startSaying, type Load, type LoadResult } from './load-program.ts';

/** With the CPU time of all processes that take part, for each request. */
export interface Traffic extends LoadResult {
  readonly micros: number;
}

const ip = (...args: readonly string[]): Promise<string> => mustRun('ip', args);
const inside = (namespace: string): readonly string[] => ['ip', 'netns', 'exec', namespace];
/** Who asks and who answers do not share a core, where there are two: the kernel's choice would show in the figures. */
const onCore = (core: number): readonly string[] => (availableParallelism() > 1 ? ['taskset', '-c', String(core)] : []);

export class TrafficBed {
  readonly #program: string;
  readonly #client: string;
  readonly #node: string;
  readonly #server: ChildProcess;
  /** Processes through which every byte goes. */
  #proxies: readonly number[] = [];

  private constructor(name: string, program: string, server: ChildProcess) {
    [this.#client, this.#node] = [`${name}-c`, `${name}-n`];
    this.#program = program;
    this.#server = server;
  }

  static async open(name: string, program: string): Promise<TrafficBed> {
    const [client, node, server] = [`${name}-c`, `${name}-n`, `${name}-s`];
    for (const each of [client, node, server]) {
      await ip('netns', 'add', each);
      await ip('-n', each, 'link', 'set', 'lo', 'up');
    }
    const set = (namespace: string, ...settings: readonly string[]): Promise<string> =>
      ip('netns', 'exec', namespace, 'sysctl', '-qw', ...settings);
    await set(node, 'net.ipv4.ip_forward=1');
    // Each connection leaves its port in use for a minute, and the node remembers it for two: the next ones would pay for what was measured
    // before them, by a search for a port that is free.
    for (const each of [client, node]) await set(each, 'net.ipv4.ip_local_port_range=1024 65535');
    await set(client, 'net.ipv4.tcp_tw_reuse=1');
    await set(node, 'net.netfilter.nf_conntrack_tcp_timeout_time_wait=1');
    const pods = { [client]: ['10.244.1.2'], [server]: answering };
    for (const [at, [pod, addresses]] of Object.entries(pods).entries()) {
      const gateway = `10.244.${at + 1}.1`;
      await ip('link', 'add', 'eth0', 'netns', pod, 'type', 'veth', 'peer', 'name', `pods${at}`, 'netns', node);
      for (const address of addresses) await ip('-n', pod, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      await ip('-n', node, 'address', 'add', `${gateway}/24`, 'dev', `pods${at}`);
      await ip('-n', pod, 'link', 'set', 'eth0', 'up');
      await ip('-n', node, 'link', 'set', `pods${at}`, 'up');
      await ip('-n', pod, 'route', 'add', 'default', 'via', gateway);
    }
    const { child } = await startSaying([...inside(server), ...onCore(1), program, 'serve', String(podPort)]);
    return new TrafficBed(name, program, child);
  }

  /** Answers how many ms it took until the services were true. */
  async serve(what: DataPlane, directory: string, others: number): Promise<number> {
    const own = join(directory, this.#node);
    await mkdir(own);
    const program = join(import.meta.dirname, 'data-plane.mjs');
    const words = [...inside(this.#node), process.execPath, program, what, own, String(others)];
    const { child, line } = await startSaying(words);
    if (what === 'userspace') this.#proxies = [child.pid ?? 0];
    if (what === 'haproxy') this.#proxies = [Number(await readFile(join(own, 'haproxy.pid'), 'utf8'))];
    return Number(line);
  }

  async load(load: Load): Promise<Traffic> {
    const pids = [this.#server.pid ?? 0, ...this.#proxies];
    const before = pids.map(cpuMicrosOf);
    const result = await runLoad(this.#program, [...inside(this.#client), ...onCore(0)], load);
    if (result.failed > 0) throw new Error(`${result.failed} of ${load.count} requests to ${load.address} failed`);
    const spent = pids.reduce((sum, pid, at) => sum + cpuMicrosOf(pid) - (before[at] ?? 0), 0);
    return { ...result, micros: result.clientMicros + spent / load.count };
  }
}
