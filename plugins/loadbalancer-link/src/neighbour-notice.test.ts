import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mustRun, run } from '@timonel/sdk/command';
import { until } from '@timonel/testkit';

const root = join(import.meta.dirname, '..', '..', '..');
const vip = '10.213.77.100';
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
    await ip('-n', space(name), 'link', 'set', 'eth0', 'up');
    await ip('-n', space(name), 'link', 'set', 'lo', 'up');
    await ip('-n', space(name), 'link', 'add', 'held', 'type', 'bridge');
    await ip('-n', space(name), 'link', 'set', 'held', 'up');
  }
}

const macOf = async (name: string): Promise<string> =>
  (JSON.parse(await ip('-n', space(name), '-json', 'link', 'show', 'eth0')) as { address: string }[])[0]?.address ?? '';

/** Where c would send what is for the address. */
const knownPlace = async (): Promise<string> =>
  (JSON.parse(await ip('-n', space('c'), '-json', 'neighbour', 'show', vip)) as { lladdr?: string }[])[0]?.lladdr ?? '';

describe('neighbours', () => {
  let child: { kill(signal: 'SIGKILL'): unknown } | undefined;
  afterEach(async () => {
    child?.kill('SIGKILL');
    for (const name of [...machines, 'sw']) await run('ip', ['netns', 'delete', space(name)]);
  });

  it('learn at once that an address has moved', async () => {
    await lay();
    await ip('-n', space('a'), 'address', 'add', `${vip}/32`, 'dev', 'held');
    await until(async () => (await run('ip', ['netns', 'exec', space('c'), 'ping', '-c1', '-W1', vip])).status === 0, {
      what: 'the address to answer',
    });
    expect(await knownPlace()).toBe(await macOf('a'));
    await ip('-n', space('a'), 'address', 'delete', `${vip}/32`, 'dev', 'held');
    await ip('-n', space('b'), 'address', 'add', `${vip}/32`, 'dev', 'held');
    expect(await knownPlace()).toBe(await macOf('a'));
    const script = join(import.meta.dirname, 'testing', 'tell.ts');
    const node = [process.execPath, '--conditions', 'timonel-source', '--import', 'tsx', script, vip];
    child = spawn('ip', ['netns', 'exec', space('b'), ...node], { cwd: root, stdio: ['pipe', 'inherit', 'inherit'] });
    const there = await macOf('b');
    await until(async () => (await knownPlace()) === there, {
      what: 'the neighbour to know the new place',
      timeoutMs: 10_000,
    });
  });
});
