/** The bed of namespaces does what tests rely on, and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { controlGroupsOf } from './bed/leftovers.ts';
import type { Machine } from './bed/machine.ts';
import { childrenOf, namespaceOf, pidsInNamespace, startTimeOf, stateOf } from './bed/processes.ts';

jest.setTimeout(60_000);
const suite = bedMissing === undefined ? describe : describe.skip;

/** Round trips in milliseconds; empty: no answer. */
async function ping(from: Machine, to: Machine, count = 1): Promise<number[]> {
  const { stdout } = await from.exec('ping', ['-n', '-c', `${count}`, '-i', '0.01', '-W', '1', to.address]);
  return [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
}

const reaches = async (from: Machine, to: Machine): Promise<boolean> => (await ping(from, to)).length > 0;

/** Sends datagrams to a port of `to` and says whether one arrived. */
async function datagramArrives(from: Machine, to: Machine): Promise<boolean> {
  const receive = `const s = require('dgram').createSocket('udp4'); s.on('message', () => { console.log('got'); process.exit(); }); s.bind(9000, () => console.log('bound')); setTimeout(() => process.exit(), 2000);`;
  const send = `const s = require('dgram').createSocket('udp4'); const t = setInterval(() => s.send('x', 9000, '${to.address}'), 50); setTimeout(() => { clearInterval(t); s.close(); }, 1000);`;
  const receiver = await to.spawn(process.execPath, ['-e', receive]);
  await receiver.says('bound');
  await from.exec(process.execPath, ['-e', send]);
  await receiver.ended;
  return receiver.output.includes('got');
}

suite(`the bed${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 3, nodes: 1 });
  });
  afterEach(() => bed.heal());
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.startsWith('mount') || trace.startsWith('netns'))).toEqual([]);
    expect(existsSync(bed.directory)).toBe(false);
  });

  it('joins all machines, each with a name, an address and processes of its own', async () => {
    const [m1, m2] = [bed.machine('m1'), bed.machine('m2')];
    for (const from of bed.machines) for (const to of bed.machines) expect(await reaches(from, to)).toBe(true);
    expect(await m1.mustExec('hostname')).toBe('m1\n');
    expect(await m1.mustExec('ip', ['-o', 'link'])).not.toContain('lan0');
    const sleeper = await m1.spawn('sleep', ['1000']);
    expect(await m1.mustExec('bash', ['-c', 'grep -l sleep /proc/[0-9]*/comm | wc -l'])).toBe('1\n');
    expect(await m2.mustExec('bash', ['-c', 'grep -l sleep /proc/[0-9]*/comm | wc -l'])).toBe('0\n');
    expect(await sleeper.stop()).toBe('SIGTERM');
    await expect(m1.mustExec('sh', ['-c', 'echo no >&2; exit 3'])).rejects.toThrow(
      'm1: "sh -c echo no >&2; exit 3" ended with 3: no',
    );
    expect(() => bed.machine('m9')).toThrow('there is no machine "m9"; there are client, m1, m2, m3, n1');
  });

  it('cuts two machines, and no other, and heals', async () => {
    const [m1, m2, m3] = [bed.machine('m1'), bed.machine('m2'), bed.machine('m3')];
    await bed.cut('m1', 'm2');
    expect([await reaches(m1, m2), await reaches(m2, m1)]).toEqual([false, false]);
    expect([await reaches(m1, m3), await reaches(m3, m2)]).toEqual([true, true]);
    await bed.heal();
    expect(await reaches(m1, m2)).toBe(true);
    await expect(bed.cut('m1', 'm7')).rejects.toThrow('there is no machine "m7" with power');
  });

  it('cuts all that were asked for at the same moment', async () => {
    const [m1, ...others] = bed.machines as [Machine, ...Machine[]];
    for (let round = 0; round < 15; round += 1) {
      await Promise.all(others.map((other) => bed.cut(m1.name, other.name)));
      const pings = others.map((to) => m1.exec('ping', ['-n', '-c', '1', '-W', '0.1', to.address]));
      for (const { stdout } of await Promise.all(pings)) expect(stdout).toContain(' 0 received');
      await bed.heal();
    }
  });

  it('cuts one way alone', async () => {
    const [m1, m2] = [bed.machine('m1'), bed.machine('m2')];
    await bed.cutOneWay('m1', 'm2');
    expect(await datagramArrives(m1, m2)).toBe(false);
    expect(await datagramArrives(m2, m1)).toBe(true);
  });

  it('isolates a machine', async () => {
    await bed.isolate('m1');
    const others = bed.machines.filter(({ name }) => name !== 'm1');
    for (const other of others) expect(await reaches(other, bed.machine('m1'))).toBe(false);
    expect(await reaches(bed.machine('m2'), bed.machine('n1'))).toBe(true);
  });

  it('makes connections slow, in order, and fast again', async () => {
    const [m1, m2, m3] = [bed.machine('m1'), bed.machine('m2'), bed.machine('m3')];
    await bed.slow('m1', { delayMs: 60 });
    await ping(m1, m2); // the address is resolved first
    for (const time of await ping(m2, m1, 5)) expect(time).toBeGreaterThanOrEqual(120);
    expect(Math.min(...(await ping(m2, m3, 5)))).toBeLessThan(60);
    await bed.slow('m1', { delayMs: 20, jitterMs: 30 });
    expect(Math.min(...(await ping(m2, m1, 5)))).toBeGreaterThanOrEqual(40);
    await bed.cut('m1', 'm2');
    expect([await reaches(m1, m2), await reaches(m3, m1)]).toEqual([false, true]);
    // A connection, whose packets are larger than the link's frames where the kernel can help it.
    const size = 3_000_000;
    const server = await m1.spawn(process.execPath, [
      '-e',
      `require('net').createServer((s) => s.end(Buffer.alloc(${size}))).listen(9001, () => console.log('up'))`,
    ]);
    await server.says('up');
    const count = `let n = 0; require('net').connect(9001, '${m1.address}').on('data', (d) => (n += d.length)).on('end', () => console.log(n))`;
    expect(await m3.mustExec(process.execPath, ['-e', count])).toBe(`${size}\n`);
    await server.kill9();
    await bed.heal();
    expect(Math.min(...(await ping(m2, m1, 5)))).toBeLessThan(20);
  });

  it('loses packets', async () => {
    await bed.lossy('m1', 50);
    const answers = await ping(bed.machine('m2'), bed.machine('m1'), 200);
    // A quarter comes through both ways.
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.length).toBeLessThan(120);
    await bed.lossy('m1', 100);
    expect(await reaches(bed.machine('m2'), bed.machine('m1'))).toBe(false);
  });

  it('pauses a whole machine, and a single process', async () => {
    const m1 = bed.machine('m1');
    const beat = `setInterval(() => process.stdout.write('.'), 5)`;
    const parent = await m1.spawn('sh', ['-c', `"${process.execPath}" -e "${beat}" & wait`]);
    const beats = async (): Promise<unknown> => {
      const { length } = parent.output;
      return until(() => parent.output.length > length + 3, { what: 'beats' });
    };
    await beats();
    await m1.pause();
    const inside = pidsInNamespace('pid', namespaceOf(m1.holderPid, 'pid')).filter((pid) => pid !== m1.holderPid);
    expect(inside.map(stateOf)).toEqual(['T', 'T']);
    await m1.resume();
    await beats();
    await parent.pause();
    await beats(); // its child goes on
    await parent.resume();
    await m1.pause();
    await m1.kill9();
    expect(await parent.ended).toBe('SIGKILL');
    expect(pidsInNamespace('pid', namespaceOf(m1.holderPid, 'pid'))).toEqual([m1.holderPid]);
    expect(childrenOf(m1.holderPid)).toEqual([]);
    expect(await reaches(bed.machine('m2'), m1)).toBe(true);
  });

  it('takes in orphans, so that no dead process stays', async () => {
    const m1 = bed.machine('m1');
    const orphan = Number(await m1.mustExec('sh', ['-c', 'sleep 0.05 >/dev/null 2>&1 & echo $!']));
    await until(async () => (await m1.exec('test', ['-e', `/proc/${orphan}`])).status !== 0, {
      what: 'the orphan to go',
    });
  });

  it('gives a file system that gets full, and power that goes and comes', async () => {
    const m2 = bed.machine('m2');
    await m2.tmpfs('data', 1024 * 1024);
    const full = await m2.exec('dd', ['if=/dev/zero', `of=${m2.dataDir}/file`, 'bs=1M', 'count=2']);
    expect(full.stderr).toContain('No space left on device');
    const sleeper = await m2.spawn('sleep', ['1000']);
    await m2.powerOff();
    expect(await sleeper.ended).toBe('SIGKILL');
    expect(startTimeOf(sleeper.pid ?? 0)).toBeUndefined();
    expect(await reaches(bed.machine('m1'), m2)).toBe(false);
    await expect(m2.exec('true')).rejects.toThrow('machine m2 is off');
    await m2.powerOn();
    expect(readdirSync(m2.dataDir)).toEqual([]);
    await until(() => reaches(bed.machine('m1'), m2), { what: 'm2 to answer' });
  });
});

suite('a bed whose agent left control groups', () => {
  it('removes them with what runs in them', async () => {
    const bed = await createBed({ nodes: 1 });
    const n1 = bed.machine('n1');
    try {
      const instance = createHash('sha256')
        .update(join(n1.dataDir, 'data', 'runtime-linux'))
        .digest('hex')
        .slice(0, 10);
      const root = readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .find((line) => / - cgroup2? /.test(line));
      const group = join(root?.split(' ')[4] ?? '', `timonel-${instance}`, 'pod');
      mkdirSync(group, { recursive: true });
      const joined = await n1.spawn('sh', ['-c', `echo 0 > ${group}/cgroup.procs && echo in && exec sleep 1000`]);
      await joined.says('in');
      expect(controlGroupsOf(n1.dataDir)).toHaveLength(1);
    } finally {
      await bed[Symbol.asyncDispose]();
    }
    expect(controlGroupsOf(n1.dataDir)).toEqual([]);
  });
});

suite('beds of tests that were killed', () => {
  it('end with the test, and the next bed removes the rest', async () => {
    const script = `
      const { createBed } = await import('${join(import.meta.dirname, 'bed', 'bed.ts')}');
      const bed = await createBed({ masters: 1 });
      const sleeper = await bed.machine('m1').spawn('sleep', ['1000']);
      console.log(JSON.stringify({ directory: bed.directory, holder: bed.machine('m1').holderPid, sleeper: sleeper.pid }));
      setInterval(() => {}, 1000);`;
    const child = spawn(
      process.execPath,
      ['--conditions', 'timonel-source', '--import', 'tsx', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: join(import.meta.dirname, '..'),
      },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    let left: { directory: string; holder: number; sleeper: number };
    try {
      await until(() => output.includes('}'), { what: 'the bed of the other process' });
      left = JSON.parse(output) as typeof left;
      expect(startTimeOf(left.sleeper)).toBeDefined();
    } finally {
      child.kill('SIGKILL');
    }
    await until(() => startTimeOf(left.sleeper) === undefined && startTimeOf(left.holder) === undefined, {
      what: 'the processes of the bed to end',
    });
    expect(existsSync(left.directory)).toBe(true);
    const foreign = join(tmpdir(), 'tmlbed-notours');
    mkdirSync(foreign, { recursive: true });
    await (await createBed())[Symbol.asyncDispose]();
    expect([existsSync(left.directory), existsSync(foreign)]).toEqual([false, true]);
    rmSync(foreign, { recursive: true });
  });
});
