/** Members of a group of three are killed at random times, again and again, alone and together, while all of them write. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { freePort } from '@timonel/testkit/free-port';
import { until } from '../test/group.ts';
import { silentLogger } from '../test/silent-logger.ts';
import { configOf, type RaftStoreConfigInput } from './config.ts';
import { RaftStore } from './raft-store.ts';
import { makeAuthority, makeCertificate, writeCredentials } from './transport/testing/certificates.ts';

const size = 3;
const rounds = Number(process.env['RAFT_CRASH_ROUNDS'] ?? 6);

interface Member {
  readonly at: number;
  readonly id: string;
  readonly port: number;
  readonly dataDir: string;
  readonly settings: string;
  config: RaftStoreConfigInput;
  child?: ChildProcess;
  lives: number;
  output: string;
  errors: string;
}

let directory = '';
let members: Member[] = [];
const stores: RaftStore[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-group-crash-'));
  members = [];
});
afterEach(async () => {
  await Promise.all(members.map(kill));
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await rm(directory, { recursive: true, force: true });
});

async function makeMembers(): Promise<void> {
  const authority = await makeAuthority();
  for (let at = 0; at < size; at++) {
    const id = `member-${at}`;
    const port = await freePort();
    const tls = await writeCredentials(directory, id, await makeCertificate(authority, { id }));
    const dataDir = join(directory, id);
    await mkdir(dataDir);
    const listen = { address: '127.0.0.1', port };
    const config: RaftStoreConfigInput = {
      // Small segments, and little kept: the log is cut, and members that miss much get snapshots.
      segmentBytes: 256 * 1024,
      compaction: { retainRevisions: 200, retainMs: 1, maxRevisions: 400, checkMs: 50 },
      cluster: { memberId: id, name: `m${at}`, listen, advertise: `127.0.0.1:${port}`, join: at > 0, tls },
    };
    const settings = join(directory, `${id}.json`);
    await writeFile(settings, JSON.stringify({ dataDir, config }));
    members.push({ at, id, port, dataDir, settings, config, lives: 0, output: '', errors: '' });
  }
}

function start(member: Member): void {
  const program = join(import.meta.dirname, '../test/group-member.ts');
  const life = `${member.lives++}`;
  const args = ['--conditions', 'timonel-source', '--import', 'tsx', program, member.settings, life];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  // A line that the kill cut off is not one.
  member.output = member.output.slice(0, member.output.lastIndexOf('\n') + 1);
  child.stdout.on('data', (chunk: Buffer) => (member.output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (member.errors += chunk.toString()));
  child.once('exit', (code, signal) => {
    if (signal !== 'SIGKILL') member.errors += `ended by itself with ${code ?? signal}\n`;
  });
  member.child = child;
}

async function kill(member: Member): Promise<void> {
  const { child } = member;
  delete member.child;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGCONT');
  child.kill('SIGKILL');
  await closed;
}

async function openHere({ dataDir, config }: Member): Promise<RaftStore> {
  const store = await RaftStore.open({
    env: createRealEnv(),
    log: silentLogger,
    dataDir,
    config: configOf(config),
    onFailure: (error) => {
      throw error;
    },
  });
  stores.push(store);
  return store;
}

/** The writes that members said were done, by key. */
function acknowledged(): Map<string, number> {
  const found = new Map<string, number>();
  for (const { output } of members) {
    for (const line of output.slice(0, output.lastIndexOf('\n')).split('\n')) {
      const [word, key = '', revision = ''] = line.split(' ');
      if (word === 'ok') found.set(key, Number(revision));
    }
  }
  return found;
}

const chance = (bound: number): number => Math.floor(Math.random() * bound);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it('keeps every acknowledged write on all members when they are killed again and again', async () => {
  await makeMembers();
  for (const member of members) {
    await openHere(member);
    if (member.at === 0) continue;
    const { id, at, port } = member;
    await stores[0]?.admin.addLearner({ id, name: `m${at}`, peerUrl: `127.0.0.1:${port}` });
  }
  await until('all vote', async () => {
    const statuses = await Promise.all(stores.map((store) => store.status()));
    return statuses.every(
      (status) => status.members.length === size && status.members.every(({ learner }) => !learner),
    );
  });
  await Promise.all(stores.splice(0).map((store) => store.close()));

  for (const member of members) start(member);
  for (let round = 0; round < rounds; round++) {
    const before = acknowledged().size;
    await until(`writes go on in round ${round}`, () => acknowledged().size > before + 50, 60_000);
    // The moment of the kill is what the test is about.
    await pause(chance(200));
    const victims = members.filter((_member, at) => round % 5 === 4 || (round + at) % size === chance(size));
    const paused = members[chance(size)]?.child;
    paused?.kill('SIGSTOP');
    await Promise.all(victims.map(kill));
    await pause(chance(600));
    paused?.kill('SIGCONT');
    for (const member of victims) start(member);
    expect(members.map(({ errors }) => errors)).toEqual(['', '', '']);
  }
  await Promise.all(members.map(kill));

  const opened = await Promise.all(members.map(openHere));
  const done = acknowledged();
  for (const store of opened) {
    await until('it has a leader', () =>
      store.barrier().then(
        () => true,
        () => false,
      ),
    );
    const { kvs } = await store.range({ prefix: 'w/' });
    const revisions = new Map(kvs.map(({ key, modRevision }) => [key, modRevision]));
    const lost = [...done].filter(([key, revision]) => revisions.get(key) !== revision);
    expect(lost).toEqual([]);
    // No write was done twice, and none by half.
    const { kvs: counters } = await store.range({ prefix: 'counter/' });
    const steps = counters.reduce((sum, { value }) => sum + Number(Buffer.from(value).toString()), 0);
    expect(steps).toBe(kvs.length);
  }
  await until('all members answer alike', async () => (await opened[0]?.admin.check())?.healthy ?? false, 30_000);
}, 240_000);
