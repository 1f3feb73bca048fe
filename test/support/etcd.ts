/** Real etcd processes, from Debian's package `etcd-server`, on loopback. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { Daemon } from './daemon.ts';

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
export class EtcdMember extends Daemon {
  readonly endpoint: string;

  constructor(endpoint: string, args: readonly string[]) {
    super('etcd', args);
    this.endpoint = endpoint;
  }

  /** etcd opens its client port when it has found a leader. */
  ready(): Promise<void> {
    return this.listening(Number(new URL(this.endpoint).port));
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
    await Promise.all(this.members.map((member) => member.ready()));
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
      await Promise.all(cluster.members.map((member) => member.ready()));
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
