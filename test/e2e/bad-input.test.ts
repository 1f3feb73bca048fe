/** What the command says to wrong input: one sentence, what to do, an exit code; and nothing is lost. */
import {
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@timonel/testkit/free-port';
import { TestCluster, timonel, type RunResult } from '../support/cluster.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonel-bad-'));
let count = 0;

/** `timonel up` that must end by itself. */
async function up(...args: string[]): Promise<RunResult> {
  count += 1;
  return timonel(
    [
      'up',
      '--profile',
      'fake-nodes',
      '--data-dir',
      join(directory, `data-${count}`),
      '--listen',
      `127.0.0.1:${await freePort()}`,
      ...args,
    ],
    { timeoutMs: 20_000 },
  );
}

function config(text: string): string {
  count += 1;
  const path = join(directory, `config-${count}.yaml`);
  writeFileSync(path, text);
  return path;
}

function digest(path: string): string {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(path, name)))
          .digest('hex')}`,
    )
    .join('\n');
}

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('timonel up refuses', () => {
  const cases: readonly { name: string; args: () => string[]; status: number; says: readonly RegExp[] }[] = [
    {
      name: 'an unknown plugin',
      args: () => ['--enable', 'scheduler-binpak'],
      status: 1,
      says: [/no plugin "scheduler-binpak"/, /Did you mean "scheduler-binpack"\?/],
    },
    {
      name: 'an unknown plugin to disable',
      args: () => ['--disable', 'controler-gc'],
      status: 1,
      says: [/Did you mean "controller-gc"\?/],
    },
    { name: 'an unknown scheduler', args: () => ['--scheduler', 'binpak'], status: 1, says: [/scheduler-binpack/] },
    {
      name: 'an unknown profile',
      args: () => ['--profile', 'all-in-on'],
      status: 2,
      says: [/Did you mean "all-in-one"\?/],
    },
    {
      name: 'two providers of a service that has one',
      args: () => ['--enable', 'scheduler-binpack'],
      status: 1,
      says: [/scheduler-default/, /scheduler-binpack/],
    },
    {
      name: 'a missing provider, and names who offers it',
      args: () => ['--disable', 'scheduler-default'],
      status: 1,
      says: [/scheduler-host/, /scheduler-default/, /scheduler-binpack/],
    },
    {
      name: 'a typo in the configuration of a plugin',
      args: () => ['--config', config('plugins: { apiserver: { config: { listn: {} } } }')],
      status: 1,
      says: [/apiserver/, /listn/, /listen/],
    },
    {
      name: 'several problems at once',
      args: () => [
        '--disable',
        'scheduler-default',
        '--config',
        config('plugins: { apiserver: { config: { listn: {} } } }'),
      ],
      status: 1,
      says: [/2 problems/, /listn/, /scheduler/],
    },
    {
      name: 'a typo in the configuration file',
      args: () => ['--config', config('nodName: x')],
      status: 2,
      says: [/unknown key "nodName"/, /nodeName/],
    },
    {
      name: 'a wrong type in the configuration file',
      args: () => ['--config', config('plugins: [a]')],
      status: 2,
      says: [/plugins/],
    },
    { name: 'malformed YAML', args: () => ['--config', config('plugins: {')], status: 2, says: [/line 1/] },
    {
      name: 'a configuration file that is not there',
      args: () => ['--config', join(directory, 'none.yaml')],
      status: 2,
      says: [/cannot be read/],
    },
    {
      name: 'a plugin file that is not there',
      args: () => ['--enable', './none.ts'],
      status: 1,
      says: [/none\.ts does not exist/],
    },
    { name: 'an address that is none', args: () => ['--listen', 'here'], status: 2, says: [/ADDRESS:PORT/] },
    { name: 'an unknown option', args: () => ['--lisen', 'x'], status: 2, says: [/--listen/] },
  ];
  for (const { name, args, status, says } of cases) {
    it(
      name,
      async () => {
        const result = await up(...args());
        expect({ status: result.status, stderr: result.stderr }).toEqual({
          status,
          stderr: expect.stringMatching(says[0] ?? /./),
        });
        for (const text of says) expect(result.stderr).toMatch(text);
        expect(result.stderr).not.toMatch(/^ +at /m);
      },
      30_000,
    );
  }

  it('a port that is in use', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    try {
      const result = await up('--listen', `127.0.0.1:${port}`);
      expect(result.status).not.toBe(0);
      expect(result.stderr).toMatch(
        new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another process uses this port`),
      );
    } finally {
      server.close();
    }
  }, 30_000);
});

describe('a data directory', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start({ args: ['--profile', 'fake-nodes'] });
  }, 60_000);
  afterAll(async () => cluster.dispose(), 30_000);

  it('that a live process has is refused, with its pid', async () => {
    const result = await timonel(['up', '--profile', 'fake-nodes', '--data-dir', cluster.dataDir]);
    expect(result.status).toBe(4);
    expect(result.stderr).toContain(`in use by a running timonel (pid ${cluster.pid})`);
  }, 30_000);

  it('with a corrupt data file is refused and not touched', async () => {
    await cluster.signal('SIGINT');
    const data = join(cluster.dataDir, 'data', 'store-raft');
    const victim = readdirSync(data).find((name) => name.endsWith('.mdb') && !name.includes('lock')) ?? '';
    const good = readFileSync(join(data, victim));
    const fd = openSync(join(data, victim), 'r+');
    writeSync(fd, Buffer.alloc(8192, 0x5a), 0, 8192, 0);
    closeSync(fd);
    const before = digest(data);
    const result = await timonel(
      ['up', '--profile', 'fake-nodes', '--data-dir', cluster.dataDir, '--listen', `127.0.0.1:${cluster.port}`],
      { timeoutMs: 20_000 },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(victim);
    expect(result.stderr).toMatch(/damaged|corrupt/i);
    expect(digest(data)).toBe(before);
    writeFileSync(join(data, victim), good);
    await cluster.up();
  }, 60_000);

  it('with a damaged list of plugins says which file', async () => {
    await cluster.signal('SIGINT');
    const file = join(cluster.dataDir, 'plugins.json');
    writeFileSync(file, '{ not json');
    const result = await timonel(['up', '--profile', 'fake-nodes', '--data-dir', cluster.dataDir], {
      timeoutMs: 20_000,
    });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`${file} is damaged`);
    rmSync(file);
    await cluster.up();
  }, 60_000);
});

describe('the other commands', () => {
  it('say that no cluster is there', async () => {
    const result = await timonel(['plugin', 'list', '--data-dir', join(directory, 'nothing')]);
    expect(result.status).toBe(3);
    expect(result.stderr).toMatch(/No cluster found.*timonel up/);
  }, 20_000);

  it('have help with examples, a version, completion', async () => {
    expect((await timonel(['up', '--help'])).stdout).toContain('Examples:');
    expect((await timonel(['plugin', 'enable', '--help'])).stdout).toContain('deny-latest.ts');
    expect((await timonel(['version'])).stdout).toMatch(/^timonel \d+\.\d+\.\d+ \(Kubernetes API 1\.35, /);
    expect((await timonel(['completion', 'bash'])).stdout).toContain('complete ');
    expect((await timonel(['__complete', '--', 'plugin', 'enable', 'scheduler-b'])).stdout).toBe('scheduler-binpack\n');
    expect((await timonel(['frobnicate'])).status).toBe(2);
  }, 30_000);

  it('doctor tells what the machine has', async () => {
    const checks = JSON.parse((await timonel(['doctor', '-o', 'json'])).stdout) as {
      name: string;
      ok: boolean;
      fix: string;
    }[];
    expect(checks.map((check) => check.name)).toEqual(
      expect.arrayContaining(['Node.js', 'root', 'program ip', 'program nft']),
    );
    for (const check of checks) if (!check.ok) expect(check.fix).not.toBe('');
  }, 20_000);
});
