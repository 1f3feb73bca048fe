import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mustRun, run } from '@timonel/sdk/command';
import { until } from '@timonel/testkit';

const root = join(import.meta.dirname, '..', '..', '..');
const vip = '10.213.77.100';
const vip6 = 'fd00:213:77::100';
/** Short: names of links have at most 15 characters. */
const tag = `tn${process.pid % 100_000}`;
const machines = ['a', 'b', 'c'] as const;
const space = (name: string): string => `${tag}${name}`;

async function ip(...args: string[]): Promise<string> {
  return mustRun('ip', args);
}

/** Three machines on one link: a and b can have the address, c knows it. */
async function lay(): Promise<void> {
  await ip('netns', 'add', space('sw'));
  await ip('-n', space('sw'), 'link', 'add', 'switch', 'type', 'bridge');
  await ip('-n', space('sw'), 'link', 'set', 'switch', 'up');
  for (const [index, name] of machines.entries()) {
    await ip('netns', 'add', space(name));
    await ip(
      '-n',
      space(name),
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      `p${name}`,
      'netns',
      space('sw'),
    );
    await ip('-n', space('sw'), 'link', 'set', `p${name}`, 'master', 'switch', 'up');
    await ip('-n', space(name), 'address', 'add', `10.213.77.${index + 1}/24`, 'dev', 'eth0');
    await ip('-n', space(name), 'address', 'add', `fd00:213:77::${index + 1}/64`, 'dev', 'eth0', 'nodad');
    await ip('-n', space(name), 'link', 'set', 'eth0', 'up');
    await ip('-n', space(name), 'link', 'set', 'lo', 'up');
    await ip('-n', space(name), 'link', 'add', 'held', 'type', 'bridge');
    await ip('-n', space(name), 'link', 'set', 'held', 'up');
  }
}

const macOf = async (name: string): Promise<string> =>
  (JSON.parse(await ip('-n', space(name), '-json', 'link', 'show', 'eth0')) as { address: string }[])[0]?.address ?? '';

/** Where c would send what is for the address. */
const knownPlace = async (address = vip): Promise<string> =>
  (JSON.parse(await ip('-n', space('c'), '-json', 'neighbour', 'show', address)) as { lladdr?: string }[])[0]?.lladdr ??
  '';

type Holder = ChildProcessByStdio<Writable, null, null>;

/** Has a machine take over addresses, on a link of this name, as the plugin does. */
function holds(name: string, link: string, ...addresses: readonly string[]): Holder {
  const script = join(import.meta.dirname, 'testing', 'tell.ts');
  const node = [process.execPath, '--conditions', 'timonel-source', '--import', 'tsx', script, link, ...addresses];
  return spawn('ip', ['netns', 'exec', space(name), ...node], { cwd: root, stdio: ['pipe', 'inherit', 'inherit'] });
}

async function answers(address: string): Promise<void> {
  const isThere = async (): Promise<boolean> =>
    (await run('ip', ['netns', 'exec', space('c'), 'ping', '-c1', '-W1', address])).status === 0;
  await until(isThere, { what: `${address} to answer`, timeoutMs: 10_000 });
}

async function isKnownAt(name: string, address = vip): Promise<void> {
  const there = await macOf(name);
  const what = `the neighbour to know that ${address} is at ${name}`;
  await until(async () => (await knownPlace(address)) === there, { what, timeoutMs: 10_000 });
}

const settings = ['accept_dad', 'ndisc_notify'].map((name) => `/proc/sys/net/ipv6/conf/eth0/${name}`);
const settingsOf = (name: string): Promise<string> => mustRun('ip', ['netns', 'exec', space(name), 'cat', ...settings]);

describe('neighbours', () => {
  const children: Holder[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const name of [...machines, 'sw']) await run('ip', ['netns', 'delete', space(name)]);
  });

  it('learn at once that an address has moved', async () => {
    await lay();
    await ip('-n', space('a'), 'address', 'add', `${vip}/32`, 'dev', 'held');
    await answers(vip);
    expect(await knownPlace()).toBe(await macOf('a'));
    await ip('-n', space('a'), 'address', 'delete', `${vip}/32`, 'dev', 'held');
    expect(await knownPlace()).toBe(await macOf('a'));
    children.push(holds('b', 'held', vip));
    await isKnownAt('b');
  });

  it('find the IPv4 addresses of a machine on which IPv6 is switched off', async () => {
    await lay();
    await ip('-n', space('a'), 'link', 'delete', 'held');
    const off = 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';
    await mustRun('ip', ['netns', 'exec', space('a'), 'sh', '-c', off]);
    const holder = holds('a', 'held', vip, vip6);
    children.push(holder);
    await answers(vip);
    expect(holder.exitCode).toBe(null);
  });

  it("leave an address of a pool alone that is a machine's own", async () => {
    await lay();
    const own = async (): Promise<string> =>
      ip('-n', space('a'), '-o', '-6', 'address', 'show', 'dev', 'eth0', 'to', `${vip6}/128`);
    await ip('-n', space('a'), 'address', 'add', `${vip6}/128`, 'dev', 'eth0', 'nodad');
    const vip6b = 'fd00:213:77::101';
    const holder = holds('a', 'held', vip6, vip6b);
    children.push(holder);
    await answers(vip6b);
    expect(await own()).not.toContain('deprecated');
    holder.stdin.end();
    const isGone = async (): Promise<boolean> => !(await ip('-n', space('a'), '-6', 'address')).includes(vip6b);
    await until(isGone, { what: 'the other address to leave', timeoutMs: 10_000 });
    expect(await own()).toContain(vip6);
  });

  it('find an IPv6 address again after its link was down', async () => {
    await lay();
    const holder = holds('a', 'held', vip6);
    children.push(holder);
    await answers(vip6);
    const onLink = (): Promise<string> => ip('-n', space('a'), '-6', 'address', 'show', 'dev', 'eth0');
    const isLost = async (): Promise<boolean> => {
      await ip('-n', space('a'), 'link', 'set', 'eth0', 'down');
      await ip('-n', space('a'), 'address', 'replace', 'fd00:213:77::1/64', 'dev', 'eth0', 'nodad');
      await ip('-n', space('a'), 'link', 'set', 'eth0', 'up');
      return !(await onLink()).includes(vip6);
    };
    // A round that is under way puts it back.
    await until(isLost, { what: 'the address to be lost', timeoutMs: 10_000 });
    const isBack = async (): Promise<boolean> => {
      holder.stdin.write('look');
      return (await onLink()).includes(`${vip6}/128`);
    };
    await until(isBack, { what: 'the address on the link', timeoutMs: 10_000 });
    await answers(vip6);
  });

  it('find an IPv6 address on the link, learn at once that it has moved, and nothing of it stays behind', async () => {
    await lay();
    const before = await settingsOf('b');
    const first = holds('a', 'held', vip6);
    children.push(first);
    await answers(vip6);
    await isKnownAt('a', vip6);
    // It has not left where it was, as with a node that hears nothing any more: nobody may take that for a duplicate.
    children.push(holds('b', 'held', vip6));
    await isKnownAt('b', vip6);
    const isQuiet = async (): Promise<boolean> => {
      const own = await ip('-n', space('b'), '-o', '-6', 'address', 'show', 'dev', 'eth0');
      return own.includes(`${vip6}/128 scope global nodad deprecated`);
    };
    // A round may be under way, here and below.
    await until(isQuiet, { what: 'the address not to be asked for, nor sent from' });
    first.stdin.end();
    const isGone = async (): Promise<boolean> => !(await ip('-n', space('a'), '-6', 'address')).includes(vip6);
    await until(isGone, { what: 'the address to leave', timeoutMs: 10_000 });
    expect(await ip('-n', space('a'), 'link')).not.toContain('held');
    await answers(vip6);
    await until(async () => (await settingsOf('b')) === before, { what: 'the settings of the link to be as before' });
  });
});
