/**
 * Years of a cluster in seconds: three servers and four nodes on one simulated clock, with the code that keeps their certificates and replaces the
 * authority. All the while everybody who is there must believe everybody else, and nothing may be made anew more often than it has to be.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { JoinError, nodeKeyAnnotation, type JoinPeer } from '@timonel/sdk/join';
import { ApiError, type Node } from '@timonel/sdk/kube';
import {
  certificatesOf,
  isBelieved,
  isSuccessor,
  issueIdentity,
  keepAuthority,
  keepMasterKey,
  keepSharedSigningKey,
  nodeProfile,
  readAuthorities,
  readCertificate,
  readIdentity,
  readSuccession,
  writeAuthority,
  writeCertificateFile,
  writeIdentity,
  writeMasterKey,
  writeSigningKey,
} from '@timonel/sdk/pki';
import { createRecordingLogger } from '@timonel/testkit';
import { servingCertificate } from '../../plugins/apiserver/src/pki/certificates.ts';
import { configSchema as joinConfig, type ClusterJoinConfig } from '../../plugins/cluster-join/src/config.ts';
import { renew } from '../../plugins/cluster-join/src/requests/renew.ts';
import { noteReport } from '../../plugins/cluster-join/src/requests/node-report.ts';
import { CurrentAuthority } from '../../plugins/cluster-join/src/upkeep/current-authority.ts';
import { keepOwnCertificates } from '../../plugins/cluster-join/src/upkeep/own-certificates.ts';
import { configSchema as authorityConfig } from '../../plugins/controller-authority/src/config.ts';
import { joinedNodes } from '../../plugins/controller-authority/src/decide.ts';
import { Keeper } from '../../plugins/controller-authority/src/keeper.ts';
import { CertificateKeeper } from '../../plugins/node-certificate/src/certificate-keeper.ts';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;
const real = createRealEnv();
const log = createRecordingLogger();
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** What the machines of a simulation share. */
class World {
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  elapsedMs = 0;
  /** In memory, where there is room for files: they are synchronised often. */
  readonly root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'timonel-years-'));
  readonly store = new MemoryStore(real);
  readonly nodes = new Map<string, Node>();
  readonly servers: SimulatedServer[] = [];
  readonly agents: SimulatedAgent[] = [];
  readonly certificateMs: number;

  constructor(certificateMs: number) {
    this.certificateMs = certificateMs;
    directories.push(this.root);
  }

  /** `aheadMs`: of the wall clock, which may jump. */
  env(aheadMs: () => number): Env {
    const now = (): number => this.nowMs + aheadMs();
    const stamp = (): string => `${new Date(now()).toISOString().slice(0, 19)}Z`;
    return {
      ...real,
      clock: { ...real.clock, now, monotonic: () => this.elapsedMs, timestamp: stamp, microTimestamp: stamp },
    };
  }

  /** Of nodes, as the join routes use it. */
  readonly api = {
    get: (_type: unknown, { name }: { name: string }) => {
      const node = this.nodes.get(name);
      return node === undefined ? Promise.reject(new ApiError('NotFound', name)) : Promise.resolve(node);
    },
    list: () => Promise.resolve({ items: [] }),
    patch: (_type: unknown, { name }: { name: string }, { body }: { body: Node }) => {
      const node = this.nodes.get(name) as Node;
      const annotations = { ...node.metadata.annotations, ...body.metadata.annotations };
      this.nodes.set(name, { ...node, metadata: { ...node.metadata, annotations } });
      return Promise.resolve(node);
    },
  };

  get there(): readonly SimulatedServer[] {
    return this.servers.filter(({ isUp }) => isUp);
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    this.elapsedMs += ms;
    for (const server of this.there) await server.look();
    for (const agent of this.agents) if (agent.isUp) await agent.look();
  }

  /** Everybody who is there believes everybody else. */
  async check(): Promise<void> {
    for (const server of this.there) {
      const [bundle, api, peer] = await server.files();
      for (const other of this.there) {
        const [ca] = await other.files();
        expect([this.nowMs, other.name, isBelieved(peer, ca, this.nowMs)]).toEqual([this.nowMs, other.name, true]);
      }
      for (const agent of this.agents.filter(({ isUp }) => isUp)) {
        const { ca, node } = await agent.files();
        expect([this.nowMs, agent.name, isBelieved(api, ca, this.nowMs)]).toEqual([this.nowMs, agent.name, true]);
        expect([this.nowMs, agent.name, isBelieved(node, bundle, this.nowMs)]).toEqual([this.nowMs, agent.name, true]);
      }
    }
  }
}

class SimulatedServer {
  isUp = true;
  aheadMs = 0;
  readonly made = new Map<string, Set<string>>();
  readonly directory: string;
  readonly env: Env;
  readonly config: ClusterJoinConfig;
  readonly world: World;
  readonly name: string;
  #keeper: Keeper | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.directory = join(world.root, name);
    this.env = world.env(() => this.aheadMs);
    this.config = joinConfig.parse({
      name,
      memberId: name,
      url: `https://${name}:6443`,
      peerNames: [name],
      pkiDirectory: this.directory,
      clusterCidr: '10.0.0.0/16',
      serviceCidr: '10.1.0.0/16',
      certificateLifetimeMs: world.certificateMs,
    });
    world.servers.push(this);
  }

  get keeper(): Keeper {
    this.#keeper ??= new Keeper({
      store: this.world.store,
      env: this.env,
      log,
      config: {
        ...authorityConfig.parse({ name: this.name, keepFormerMs: this.world.certificateMs }),
        pkiDirectory: this.directory,
      },
      leads: () => this.world.there[0] === this,
      nodes: () => Promise.resolve(joinedNodes([...this.world.nodes.values()], nodeKeyAnnotation)),
    });
    return this.#keeper;
  }

  /** As `timonel server --join` does it. */
  async joinTo(other: SimulatedServer): Promise<void> {
    const { certificatePem, keyPem } = await keepAuthority(other.env, other.directory);
    await writeAuthority(this.directory, {
      bundle: certificatePem,
      keyPem,
      succession: await readSuccession(other.directory),
    });
    await writeMasterKey(this.directory, await keepMasterKey(other.env, other.directory));
    await writeSigningKey(this.directory, await keepSharedSigningKey(other.env, other.directory));
  }

  restart(): void {
    this.isUp = true;
    this.#keeper = undefined;
  }

  async look(): Promise<void> {
    const authority = await CurrentAuthority.open(this.env, this.directory);
    await keepMasterKey(this.env, this.directory);
    await keepSharedSigningKey(this.env, this.directory);
    await this.#own(authority);
    await this.keeper.look();
    await authority.refresh();
    await this.#own(authority);
  }

  async #own(authority: CurrentAuthority): Promise<void> {
    await keepOwnCertificates(this.env, this.config, authority.now);
    const names = [this.name, 'localhost'];
    await servingCertificate({ directory: this.directory, names, lifetimeMs: this.world.certificateMs, env: this.env });
    for (const name of ['apiserver', 'peer', 'master-client', 'ca']) {
      const pem = (await readIdentity(this.directory, name))?.certificatePem ?? '';
      const all = this.made.get(name) ?? new Set();
      this.made.set(name, all.add(readCertificate(pem).fingerprint));
    }
  }

  async files(): Promise<[string, string, string]> {
    const certificate = async (name: string): Promise<string> =>
      (await readIdentity(this.directory, name))?.certificatePem ?? '';
    return [(await readAuthorities(this.directory)) ?? '', await certificate('apiserver'), await certificate('peer')];
  }

  /** The ends of a connection judge one another as TLS does, then the routes of joining answer. */
  async answer(peer: JoinPeer, method: string, path: string, body: unknown): Promise<unknown> {
    const { nowMs } = this.world;
    const [bundle, api] = await this.files();
    if (!isBelieved(api, peer.ca, nowMs)) throw new JoinError('ERR_JOIN_PIN', 'the server is a stranger');
    const shown = peer.identity?.certificatePem ?? '';
    if (!isBelieved(shown, bundle, nowMs)) throw new JoinError('ERR_JOIN_REFUSED', 'who are you?', { status: 401 });
    const authority = await CurrentAuthority.open(this.env, this.directory);
    const parts = { api: this.world.api as never, env: this.env, log, config: this.config, authority };
    const more = { storeAdmin: () => undefined, servers: () => this.world.servers.map(({ config }) => config.url) };
    const certificate = readCertificate(shown);
    const remoteAddress = '10.9.0.1';
    if (method === 'POST') return renew({ ...parts, ...more }, { body, certificate, remoteAddress } as never);
    await noteReport(parts, new URL(path, peer.server).searchParams, certificate);
    return { servers: more.servers(), ca: authority.now.certificatePem };
  }
}

class SimulatedAgent {
  isUp = true;
  readonly made = new Set<string>();
  readonly problems: string[] = [];
  readonly directory: string;
  readonly world: World;
  readonly name: string;
  readonly #keeper: CertificateKeeper;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.directory = join(world.root, name);
    this.#keeper = new CertificateKeeper({
      servers: world.servers.map(({ config }) => config.url),
      pkiDirectory: this.directory,
      addresses: [],
      checkPeriodMs: 3_600_000,
      retryMs: 60_000,
      requestTimeoutMs: 10_000,
      file: join(this.directory, 'servers.json'),
      env: world.env(() => 0),
      log,
      signal: new AbortController().signal,
      onOutcome: (problem) => problem !== undefined && this.problems.push(problem.message),
      call: (async (peer: JoinPeer, method: string, path: string, body: unknown) => {
        const server = world.there.find(({ config }) => config.url === peer.server);
        if (server === undefined) throw new JoinError('ERR_JOIN_UNREACHABLE', 'nobody answers');
        return server.answer(peer, method, path, body);
      }) as never,
    });
    world.agents.push(this);
  }

  async join(server: SimulatedServer): Promise<void> {
    const authority = await keepAuthority(server.env, server.directory);
    const identity = await issueIdentity(server.env, authority, nodeProfile(this.name, [], this.world.certificateMs));
    await writeCertificateFile(this.directory, 'ca', authority.certificatePem);
    await writeIdentity(this.directory, 'node', identity);
    const annotations = { [nodeKeyAnnotation]: readCertificate(identity.certificatePem).publicKeyFingerprint };
    this.world.nodes.set(this.name, { metadata: { name: this.name, annotations }, spec: {} });
  }

  async look(): Promise<void> {
    await this.#keeper.look();
    this.made.add(readCertificate((await this.files()).node).fingerprint);
  }

  async files(): Promise<{ ca: string; node: string }> {
    const node = (await readIdentity(this.directory, 'node'))?.certificatePem ?? '';
    return { ca: (await readAuthorities(this.directory)) ?? '', node };
  }
}

async function cluster(authorityMs = 10 * yearMs, certificateMs = yearMs): Promise<World> {
  const world = new World(certificateMs);
  const [first, ...others] = ['s1', 's2', 's3'].map((name) => new SimulatedServer(world, name)) as [
    SimulatedServer,
    ...SimulatedServer[],
  ];
  await keepAuthority(first.env, first.directory, { lifetimeMs: authorityMs });
  await first.look();
  for (const other of others) await other.joinTo(first);
  for (const name of ['n1', 'n2', 'n3', 'n4']) await new SimulatedAgent(world, name).join(first);
  await world.pass(3_600_000);
  return world;
}

describe('twelve years', () => {
  it('pass without anybody being cut off; each certificate is made anew when it must, the authority once', async () => {
    const world = await cluster();
    const [s1, s2, s3] = world.servers as [SimulatedServer, SimulatedServer, SimulatedServer];
    const [, n2, n3] = world.agents as [SimulatedAgent, SimulatedAgent, SimulatedAgent];
    const [kubeconfig] = await s1.files();
    const beginMs = world.nowMs;
    const [master, tokens] = [
      await keepMasterKey(s1.env, s1.directory),
      await keepSharedSigningKey(s1.env, s1.directory),
    ];
    const phases: string[] = [];
    // Away while the authority is replaced, for less than a certificate lives: as the first steps are taken, or all along.
    const absences = [
      { who: s3, from: 7.95, until: 8.4 },
      { who: n2, from: 7.95, until: 8.2 },
      { who: n3, from: 8.0, until: 8.1 },
    ];
    while (world.nowMs < beginMs + 12 * yearMs) {
      const years = (world.nowMs - beginMs) / yearMs;
      for (const { who, from, until } of absences) {
        const isUp = years < from || years > until;
        if (isUp && !who.isUp && who instanceof SimulatedServer) who.restart();
        who.isUp = isUp;
      }
      const isBusy = years > 7.8 && years < 9.2;
      await world.pass((isBusy ? 10 : 30) * dayMs);
      // Whoever comes back has a moment, as everybody has.
      if (isBusy) await world.pass(3_600_000);
      await world.check();
      const { state } = await s1.keeper.overview();
      if (phases.at(-1) !== state.phase) phases.push(state.phase);
      if (years < 9.5) expect(isBelieved((await s2.files())[1], kubeconfig, world.nowMs)).toBe(true);
    }
    expect(phases).toEqual(['stable', 'trust', 'issue', 'stable']);
    for (const server of world.servers) {
      expect(server.made.get('ca')?.size).toBe(2);
      expect(certificatesOf((await server.files())[0])).toHaveLength(1);
      for (const name of ['apiserver', 'peer', 'master-client']) {
        // 12 years in pieces of two thirds of a year, and once more for the new authority.
        expect(server.made.get(name)?.size).toBeGreaterThanOrEqual(17);
        expect(server.made.get(name)?.size).toBeLessThanOrEqual(21);
      }
      expect(Buffer.from(await keepMasterKey(server.env, server.directory))).toEqual(Buffer.from(master));
      expect((await keepSharedSigningKey(server.env, server.directory)).equals(tokens)).toBe(true);
    }
    for (const agent of world.agents) {
      expect(agent.made.size).toBeGreaterThanOrEqual(17);
      expect(agent.made.size).toBeLessThanOrEqual(21);
      expect(certificatesOf((await agent.files()).ca)).toHaveLength(1);
      expect(agent.problems).toEqual([]);
    }
  }, 120_000);
});

describe('a hundred days of an authority', () => {
  const authorityMs = 100 * dayMs;
  const lives = (): Promise<World> => cluster(authorityMs, 10 * dayMs);
  const days = async (world: World, count: number): Promise<void> => {
    for (let day = 0; day < count; day++) await world.pass(dayMs);
  };
  const phase = async (world: World): Promise<string> => (await world.there[0]?.keeper.overview())?.state.phase ?? '';

  it('end for who slept through its replacement: a node is told what to do, and both are taken for members again', async () => {
    const world = await lives();
    const [s1, , s3] = world.servers as [SimulatedServer, SimulatedServer, SimulatedServer];
    const [n1] = world.agents as [SimulatedAgent];
    const [oldBundle] = await s3.files();
    await days(world, 70);
    [s3.isUp, n1.isUp] = [false, false];
    await days(world, 35);
    await world.check();
    // The old authority is over, so that nobody waits for the two.
    expect([await phase(world), readCertificate((await s1.files())[0]).commonName]).toEqual([
      'stable',
      expect.stringMatching(/^timonel-ca@/),
    ]);
    s3.restart();
    await expect(s3.look()).rejects.toThrow(/has expired, .*take ca.crt, ca.key and ca-chain.crt of a server/);
    s3.isUp = false;
    n1.isUp = true;
    await n1.look();
    expect(n1.problems.at(-1)).toMatch(/has expired .*timonel agent --token TOKEN/);
    // By a token of now: the chain proves that it is the same cluster.
    const pin = readCertificate((await s1.files())[0]).publicKeyFingerprint;
    expect(isSuccessor(pin, oldBundle, await readSuccession(s1.directory))).toBe(true);
    await s3.joinTo(s1);
    await n1.join(s1);
    s3.restart();
    await days(world, 2);
    await world.check();
  }, 60_000);

  it('is not mistaken for older or younger by a clock that jumps', async () => {
    const world = await lives();
    const [s1] = world.servers as [SimulatedServer];
    await days(world, 20);
    const made = (): number => s1.made.get('ca')?.size ?? 0;
    // An hour in the future, and back: nothing happened to the authority, and certificates of then are made anew.
    for (const aheadMs of [65 * dayMs, -15 * dayMs]) {
      s1.aheadMs = aheadMs;
      await world.pass(600_000).catch(() => undefined);
      s1.aheadMs = 0;
      await world.pass(600_000);
      await world.check();
      expect([made(), await phase(world)]).toEqual([1, 'stable']);
    }
    // It stays ahead for long enough to begin: the authority that it makes begins in the future, and is given up.
    s1.aheadMs = 65 * dayMs;
    await s1.look();
    world.nowMs += 4_000_000;
    world.elapsedMs += 4_000_000;
    await s1.look();
    expect(await phase(world)).toBe('trust');
    s1.aheadMs = 0;
    await world.pass(600_000);
    await world.pass(4_000_000);
    expect([made(), await phase(world)]).toEqual([1, 'stable']);
    await world.check();
    expect(certificatesOf((await s1.files())[0])).toHaveLength(1);
  }, 60_000);

  it('is not made by whoever looks after it: a directory without one is a mistake', async () => {
    const server = new SimulatedServer(new World(yearMs), 's1');
    await expect(server.keeper.look()).rejects.toThrow('holds no authority');
    expect(await readAuthorities(server.directory)).toBeUndefined();
  });
});
