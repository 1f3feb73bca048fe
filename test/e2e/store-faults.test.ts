/** Three masters under the load of clients, and one fault after the other: what was acknowledged stays, and every read is true. */
import { randomInt } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SimRandom } from '../simulation/parts/random.ts';
import type { HistoryEntry } from '../simulation/workload/history.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { joinToken, kubectl, startMaster, timonel, type Master } from './bed/cluster.ts';
import { createdOnce, judge, Load } from './bed/load.ts';
import { logOf, storeLeader, storeLeaderOf } from './bed/master-log.ts';
import type { Machine } from './bed/machine.ts';
import { checkStore, removeStoreMember, storeMembers } from './bed/store-admin.ts';

jest.setTimeout(300_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const seed = Number(process.env['TIMONEL_SEED'] ?? randomInt(1_000_000));
const random = new SimRandom(seed);
const mebibyte = 1024 * 1024;
const patience = { timeoutMs: 90_000 };

suite(`a store under faults, seed ${seed}${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let bed: Bed;
  let load: Load;
  let args: string[];
  let masters: Master[] = [];

  const storeDirectory = (machine: Machine): string => join(machine.dataDir, 'data', 'store-raft');
  const othersThan = (one: Master): Master[] => masters.filter((each) => each !== one);

  /** Starts a master again that was one before. */
  async function startAgain(before: Master): Promise<Master> {
    const again = await startMaster(before.machine);
    masters = masters.map((each) => (each === before ? again : each));
    return again;
  }

  /** Reads through this master, which takes a majority that it is part of. */
  async function serves(master: Master): Promise<void> {
    const read = async (): Promise<boolean> =>
      (await kubectl(bed, master, ['get', 'namespace', 'default', '--request-timeout=5s'])).status === 0;
    await until(read, { what: () => `${master.machine.name} to serve: ${master.process.output}`, ...patience });
  }

  /** What each master last said of its place in the group, for a failure. */
  const seen = (): string =>
    masters
      .map(({ machine }) => {
        const last = logOf(machine).filter(({ msg }) => msg === 'role in the Raft group');
        return `${machine.name}: ${JSON.stringify(last.slice(-3))}`;
      })
      .join('\n');

  /** Another than this one leads, and writes go on. */
  async function othersGoOn(than: Master, when: string): Promise<void> {
    const leads = (): boolean => (storeLeaderOf(othersThan(than)) ?? than) !== than;
    await until(leads, { what: () => `a new leader ${when}; before: ${than.machine.name}; ${seen()}`, ...patience });
    await load.goesOn(when);
  }

  beforeAll(async () => {
    bed = await createBed({ masters: 3 });
    const config = join(bed.directory, 'config.yaml');
    // Small pieces: a disk gets full soon, and what was missed is soon dropped from the log.
    writeFileSync(config, 'plugins: { store-raft: { config: { segmentBytes: 65536 } } }\n');
    args = ['--config', config];
    const [m1, m2, m3] = ['m1', 'm2', 'm3'].map((name) => bed.machine(name)) as [Machine, Machine, Machine];
    await m3.tmpfs(storeDirectory(m3), 48 * mebibyte);
    const first = await startMaster(m1, { args });
    masters = [first];
    for (const machine of [m2, m3]) masters.push(await startMaster(machine, { args, join: first }));
    load = await Load.start(bed, masters, random);
  });
  // A test that fails leaves no fault to the next.
  afterEach(async () => {
    await bed.heal();
    await Promise.all(masters.map(({ machine }) => machine.resume()));
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('goes on when its leader is killed, which comes back', async () => {
    const leader = await storeLeader(masters);
    await load.someMoment();
    await leader.process.kill9();
    await othersGoOn(leader, 'after the kill');
    await serves(await startAgain(leader));
  });

  it('goes on when its leader is cut off from the others, and never believes it', async () => {
    const leader = await storeLeader(masters);
    await load.someMoment();
    // Clients still reach it.
    await Promise.all(othersThan(leader).map((other) => bed.cut(leader.machine.name, other.machine.name)));
    await othersGoOn(leader, 'behind the cut');
    await bed.heal();
    await serves(leader);
    await load.goesOn('after the cut');
  });

  it.each(['from', 'to'] as const)('goes on when nothing gets %s its leader', async (direction) => {
    const leader = await storeLeader(masters);
    await load.someMoment();
    for (const other of othersThan(leader)) {
      const [a, b] = [leader.machine.name, other.machine.name];
      await (direction === 'from' ? bed.cutOneWay(a, b) : bed.cutOneWay(b, a));
    }
    await othersGoOn(leader, 'behind the cut');
    await bed.heal();
    await serves(leader);
    await load.goesOn('after the cut');
  });

  it('goes on while its leader is paused, which then believes nothing that it knew', async () => {
    const leader = await storeLeader(masters);
    await load.someMoment();
    await leader.machine.pause();
    await othersGoOn(leader, 'during the pause');
    await leader.machine.resume();
    await serves(leader);
  });

  it('goes on while a follower is paused, which then catches up', async () => {
    const follower = random.pick(othersThan(await storeLeader(masters)));
    await load.someMoment();
    await follower.machine.pause();
    await load.goesOn('during the pause', 60);
    await follower.machine.resume();
    await serves(follower);
  });

  it('goes on when the disk of one member is full, which recovers when there is room', async () => {
    const full = masters.find(({ machine }) => machine.name === 'm3') as Master;
    const said = (text: string): number => logOf(full.machine).filter(({ msg }) => msg.startsWith(text)).length;
    const filler = join(storeDirectory(full.machine), 'filler');
    await load.someMoment();
    const filled = await full.machine.exec('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64K']);
    expect(filled.stderr).toContain('No space left on device');
    await until(() => said('no room is left for data') > 0, {
      what: () => `the alarm: ${full.process.output}`,
      ...patience,
    });
    await load.goesOn('without the full disk');
    expect(full.process.output).toContain('no room is left for data');
    await full.machine.mustExec('rm', [filler]);
    const isOver = (): boolean => said('there is room for data again') === said('no room is left for data');
    await until(isOver, { what: 'the end of the alarm', ...patience });
    await load.goesOn('with room again');
    await serves(full);
  });

  it('refuses a certificate of a stranger, and one of the cluster that is no member', async () => {
    const [target, other] = masters as [Master, Master, Master];
    const key = join(bed.directory, 'stranger.key');
    const certificate = join(bed.directory, 'stranger.crt');
    const subject = '/O=timonel:store-members/CN=stranger';
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    await bed.client.mustExec('openssl', [...made, '-keyout', key, '-out', certificate, '-subj', subject]);
    const pki = join(other.machine.dataDir, 'pki');
    const connect = async (certFile: string, keyFile: string): Promise<string> => {
      const code = `
        const { readFileSync } = require('fs');
        const [host, cert, key] = process.argv.slice(1);
        const options = { host, port: 2380, cert: readFileSync(cert), key: readFileSync(key), rejectUnauthorized: false };
        const socket = require('tls').connect(options);
        const end = (how) => { console.log(how); process.exit(); };
        // A member sends its greeting to a member.
        socket.on('data', () => end('answered')).on('error', () => end('refused')).on('close', () => end('refused'));`;
      const program = ['-e', code, target.machine.address, certFile, keyFile];
      return (await bed.client.mustExec(process.execPath, program, { timeoutMs: 30_000 })).trim();
    };
    expect(await connect(certificate, key)).toBe('refused');
    expect(await connect(join(pki, 'master-client.crt'), join(pki, 'master-client.key'))).toBe('refused');
    // The same program is let in with what a member has.
    expect(await connect(join(pki, 'peer.crt'), join(pki, 'peer.key'))).toBe('answered');
    const refusals = logOf(target.machine).filter(({ msg }) => msg.startsWith('refused a connection'));
    expect(refusals.map(({ address }) => address)).toContain(bed.client.address);
    await load.goesOn('after strangers');
  });

  it('takes a new member in place of one whose disk is lost', async () => {
    const lost = random.pick(masters);
    const { machine } = lost;
    const [other] = othersThan(lost) as [Master, Master];
    await load.someMoment();
    await lost.process.kill9();
    rmSync(machine.dataDir, { recursive: true });
    const id = (await storeMembers(bed, other)).find(({ name }) => name === machine.name)?.id ?? '';
    // The name is taken until the old member is removed.
    const taken = ['server', '--data-dir', machine.dataDir, '--name', machine.name, '--advertise', machine.address];
    const token = await joinToken(other, 'server');
    const refused = await timonel(machine, [...taken, '--join', other.url, '--token', token]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining(id) });
    await until(async () => removeStoreMember(bed, other, id).then(() => true), {
      what: 'the removal of the member',
      ...patience,
    });
    await load.goesOn('without the lost member');
    rmSync(machine.dataDir, { recursive: true });
    const fresh = await startMaster(machine, { args, join: other });
    masters = masters.map((each) => (each === lost ? fresh : each));
    const allVote = async (): Promise<boolean> => {
      const members = await storeMembers(bed, other);
      return members.length === 3 && members.every((member) => !member.learner && member.error === undefined);
    };
    await until(allVote, { what: 'the new member to vote', ...patience });
    expect((await storeMembers(bed, fresh)).map((member) => member.id)).not.toContain(id);
    await load.goesOn('with the new member');
  });

  it('comes back when all members are killed at once', async () => {
    await load.someMoment();
    await Promise.all(masters.map(({ process: running }) => running.kill9()));
    const before = masters;
    await Promise.all(before.map((master) => startAgain(master)));
    await load.goesOn('after the restart of all');
  });

  it('has every acknowledged write on every member at the end, and answered as one copy of the data would', async () => {
    const history = await load.finish();
    const written = createdOnce(history);
    expect(written.length).toBeGreaterThan(20);
    for (const master of masters) {
      const listed = await kubectl(bed, master, ['get', 'configmaps', '-o', 'name']);
      const names = new Set(listed.stdout.split('\n').map((line) => line.replace('configmap/', '')));
      expect({ master: master.machine.name, lost: written.filter((name) => !names.has(name)) }).toEqual({
        master: master.machine.name,
        lost: [],
      });
    }
    expect(await checkStore(bed, random.pick(masters))).toMatchObject({ healthy: true });
    expect(judge(history)).toEqual({ outcome: 'linearizable' });
    expect(judge(withOneLie(history))).toMatchObject({ outcome: 'violation' });
  });
});

/** The history with one answer that no order explains: the last read of a key tells what the first one told. */
function withOneLie(history: readonly HistoryEntry[]): HistoryEntry[] {
  const reads = history.filter(({ operation, returned }) => operation.type === 'read' && returned?.answer.kvs.length);
  const last = reads.at(-1) as HistoryEntry;
  const key = last.returned?.answer.kvs[0]?.key;
  const first = reads.find(({ returned }) => returned?.answer.kvs[0]?.key === key) as HistoryEntry;
  const lie = { ...last, returned: { ...last.returned, answer: first.returned?.answer } } as HistoryEntry;
  return history.map((entry) => (entry === last ? lie : entry));
}
