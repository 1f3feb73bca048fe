/** Real etcd processes, from Debian's package `etcd-server`, on loopback. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';

/** Why tests with etcd cannot run here; undefined when they can. */
export const etcdMissing: string | undefined =
  spawnSync('etcd', ['--version']).status === 0
    ? undefined
    : 'the command etcd is missing: apt-get install -y --no-install-recommends etcd-server';

/** Files of a server certificate, and of the authority that signs clients'. */
export interface EtcdTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface EtcdOptions {
  /** Members; default 1. */
  readonly members?: number;
  /** Serve clients over https and demand a certificate of them. */
  readonly tls?: EtcdTls;
  /** Of each member, for the connections to the others; default: plain TCP. */
  readonly peerTls?: readonly EtcdTls[];
  /** Where the data lies; default: a new folder in the temp folder. */
  readonly parentDir?: string;
  /** Flags beside the usual ones. */
  readonly flags?: readonly string[];
}

/** One process. */
export class EtcdMember {
  readonly endpoint: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #log = '';

  constructor(endpoint: string, args: readonly string[]) {
    this.endpoint = endpoint;
    this.#args = args;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('this etcd does not run');
    return pid;
  }

  /** What it has written. */
  get log(): string {
    return this.#log;
  }

  start(): void {
    const child = spawn('etcd', this.#args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } });
    this.#process = child;
    const keep = (chunk: Buffer): void => {
      this.#log = `${this.#log}${chunk.toString()}`.slice(-100_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** It has ended by itself. */
  get ended(): boolean {
    return this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process?.kill(signal);
    await this.#exited;
    this.#process = undefined;
  }
}

export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly #dataDir: string;

  constructor(members: readonly EtcdMember[], dataDir: string) {
    this.members = members;
    this.#dataDir = dataDir;
  }

  get endpoints(): string[] {
    return this.members.map((member) => member.endpoint);
  }

  /** The only or first member. */
  get first(): EtcdMember {
    const [first] = this.members;
    if (first === undefined) throw new Error('a cluster has members');
    return first;
  }

  /** Ends all of them without warning and starts them again on their data. */
  async restart(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    for (const member of this.members) member.start();
    await Promise.all(this.members.map((member) => listening(member)));
  }

  /** Ends all of them and removes their data. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

const startTries = 5;

/** Starts a cluster and waits until it listens. Another process may take a port meanwhile: then with others. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  if (etcdMissing !== undefined) throw new Error(etcdMissing);
  for (let tries = 1; ; tries++) {
    const cluster = await launch(options);
    try {
      await Promise.all(cluster.members.map((member) => listening(member)));
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (tries === startTries || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function launch({ members: count = 1, tls, peerTls, parentDir = tmpdir(), flags = [] }: EtcdOptions) {
  const dataDir = await mkdtemp(join(parentDir, 'timonel-etcd-'));
  const ports = await freePorts(count * 2);
  const scheme = tls === undefined ? 'http' : 'https';
  const peerScheme = peerTls === undefined ? 'http' : 'https';
  const peerUrl = (at: number): string => `${peerScheme}://127.0.0.1:${ports[count + at]}`;
  const clusterList = Array.from({ length: count }, (_, at) => `m${at}=${peerUrl(at)}`).join(',');
  const tlsFlags =
    tls === undefined
      ? []
      : ['--cert-file', tls.certFile, '--key-file', tls.keyFile, '--trusted-ca-file', tls.caFile, '--client-cert-auth'];
  const members = Array.from({ length: count }, (_, at) => {
    const endpoint = `${scheme}://127.0.0.1:${ports[at]}`;
    return new EtcdMember(endpoint, [
      `--name=m${at}`,
      `--data-dir=${join(dataDir, `m${at}`)}`,
      `--initial-cluster=${clusterList}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-peer-urls=${peerUrl(at)}`,
      `--initial-advertise-peer-urls=${peerUrl(at)}`,
      '--logger=zap',
      '--log-outputs=stderr',
      '--log-level=warn',
      ...tlsFlags,
      ...peerFlags(peerTls?.[at]),
      ...flags,
    ]);
  });
  for (const member of members) member.start();
  return new EtcdCluster(members, dataDir);
}

function peerFlags(tls: EtcdTls | undefined): string[] {
  if (tls === undefined) return [];
  const { caFile, certFile, keyFile } = tls;
  const files = ['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile];
  return [...files, '--peer-client-cert-auth'];
}

/** etcd opens its client port when it has found a leader. */
async function listening(member: EtcdMember): Promise<void> {
  const port = Number(new URL(member.endpoint).port);
  for (let tries = 0; tries < 3_000; tries++) {
    if (member.ended) throw new Error(`etcd ended: ${member.log}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  throw new Error(`etcd does not listen: ${member.log}`);
}
