import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRealEnv } from '@timonel/core/env';
import type { Logger, Timers } from '@timonel/sdk';
import type { AttachRequest } from '@timonel/sdk/contracts/network';
import { BridgeNetwork } from '../bridge-network.ts';
import type { NetworkBridgeConfig } from '../config.ts';
import { namesFor } from '../names.ts';

export const run: (
  file: string,
  args: readonly string[],
) => Promise<{ readonly stdout: string; readonly stderr: string }> = promisify(execFile);

export const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
export const timers: Timers = createRealEnv().timers;
export const config = (podCidr: string): NetworkBridgeConfig => ({
  podCidr,
  clusterCidrs: [],
  mtuBytes: 0,
  overheadBytes: 0,
  masquerade: true,
});

export const request = (id: string, networkNamespace: string): AttachRequest => ({
  sandboxId: id,
  podUid: id,
  podNamespace: 'default',
  podName: id,
  networkNamespace,
});

/** Namespaces named after this process, and one network in a directory of its own. */
export class Bed {
  static count = 0;
  readonly config: NetworkBridgeConfig;
  readonly #namespaces: Set<string> = new Set();
  dataDir = '';
  network!: BridgeNetwork;

  constructor(podCidr: string) {
    this.config = config(podCidr);
  }

  async open(): Promise<this> {
    this.dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    await this.restart();
    return this;
  }

  async restart(): Promise<BridgeNetwork> {
    await this.network?.stop();
    this.network = new BridgeNetwork(this.dataDir, this.config, log, timers);
    await this.network.start();
    return this.network;
  }

  /** The links of this bed's bridge. */
  async links(): Promise<readonly string[]> {
    const args = ['-j', 'link', 'show', 'master', namesFor(this.dataDir).bridge];
    return (JSON.parse((await run('ip', args)).stdout || '[]') as { ifname: string }[]).map(({ ifname }) => ifname);
  }

  async makeNamespace(): Promise<string> {
    const name = `tmnet-${process.pid}-${++Bed.count}`;
    await run('ip', ['netns', 'add', name]);
    this.#namespaces.add(name);
    return `/run/netns/${name}`;
  }

  async removeNamespace(path: string): Promise<void> {
    const name = path.slice('/run/netns/'.length);
    await run('ip', ['netns', 'delete', name]);
    this.#namespaces.delete(name);
  }

  async pod(id: string): Promise<{ path: string; address: string }> {
    const path = await this.makeNamespace();
    return { path, address: await this.attach(id, path) };
  }

  async attach(id: string, networkNamespace: string): Promise<string> {
    return (await this.network.attach(request(id, networkNamespace))).addresses[0] ?? '';
  }

  async close(): Promise<void> {
    await this.network.retain([]);
    await this.network.stop();
    for (const name of this.#namespaces) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

export const linkNames = async (): Promise<readonly string[]> =>
  (JSON.parse((await run('ip', ['-j', 'link'])).stdout) as { ifname: string }[]).map(({ ifname }) => ifname);

/** Answers one TCP connection in a namespace with its own name for the client; resolves when it listens. */
export async function serve(path: string | undefined, host: string, port: number): Promise<{ close(): Promise<void> }> {
  const script = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(${port}, '${host}', () => console.log('up'))`;
  const args = path === undefined ? ['-e', script] : [`--net=${path}`, process.execPath, '-e', script];
  const child = execFile(path === undefined ? process.execPath : 'nsenter', args);
  await new Promise<void>((up, fail) => {
    child.stdout?.once('data', () => up());
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}`)));
  });
  return {
    close: () =>
      new Promise((done) => {
        child.once('exit', () => done());
        child.kill('SIGKILL');
      }),
  };
}

/** What a server at the address says to a client in a namespace (or on the host). */
export async function ask(path: string | undefined, host: string, port: number): Promise<string> {
  const script = `const s = require('net').connect(${port}, '${host}'); s.setTimeout(3000, () => { console.log('timeout'); process.exit(); }); s.on('error', (e) => console.log(e.code)); s.pipe(process.stdout)`;
  const { stdout } =
    path === undefined
      ? await run(process.execPath, ['-e', script])
      : await run('nsenter', [`--net=${path}`, process.execPath, '-e', script]);
  return stdout.trim();
}
