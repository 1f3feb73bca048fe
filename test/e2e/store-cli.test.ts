/** `timonel store` on one server: state, members, checks, compaction, and a cluster that comes back from a snapshot. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Background } from '../support/background.ts';
import { freePort } from '@timonel/testkit/free-port';
import { runProgram, timonel, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { until } from '../support/until.ts';

// Processes start and stop, on a machine that may be busy with others.
jest.setTimeout(180_000);

const directory = mkdtempSync(join(tmpdir(), 'timonel-store-cli-'));
const dataDir = join(directory, 'server');
const file = join(directory, 'cluster.snapshot');
let server: Background | undefined;
let listen: readonly string[] = [];

const store = (...args: string[]): Promise<RunResult> => timonel(['store', ...args, '--data-dir', dataDir]);

async function storeJson<T>(...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await store(...args, '-o', 'json');
  expect({ args, status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout) as T;
}

async function kubectl(...args: string[]): Promise<string> {
  const tools = await kubernetesTools();
  const result = await runProgram(tools.kubectl, ['--kubeconfig', join(dataDir, 'kubeconfig'), ...args]);
  expect({ args, ...result }).toMatchObject({ status: 0 });
  return result.stdout.trim();
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
}

async function start(...args: string[]): Promise<void> {
  server = new Background(['server', '--data-dir', dataDir, ...args]);
  await server.says('is Ready after');
}

beforeAll(async () => {
  const [port, peerPort] = [await freePort(), await freePort()];
  listen = ['--name', 's1', '--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`];
  await start(...listen);
});
afterAll(async () => {
  await server?.end();
  rmSync(directory, { recursive: true, force: true });
});

interface Status {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly memberId: string;
}

describe('timonel store', () => {
  it('shows state and members', async () => {
    const status = await storeJson<Status>('status');
    expect(status).toMatchObject({ implementation: 'store-raft', leaderId: status.memberId });
    const text = await store('status');
    expect(text.stdout).toMatch(/Leader: +s1\n/);
    const members = await storeJson<unknown[]>('members');
    expect(members).toMatchObject([{ id: status.memberId, name: 's1', role: 'leader', behind: 0, self: true }]);
    const table = (await store('members')).stdout.trim().split('\n');
    expect(table[0]).toMatch(/^ID +NAME +PEER +ROLE +REVISION +BEHIND +SIZE +ERROR$/);
    expect(table[1]).toMatch(
      new RegExp(`^${status.memberId} +s1 +127\\.0\\.0\\.1:\\d+ +leader +\\d+ +0 +[\\d.]+ [kM]B$`),
    );
  });

  it('checks and compacts', async () => {
    const check = await store('check');
    expect(check).toMatchObject({ status: 0, stdout: expect.stringContaining('healthy, at revision') });
    const { revision } = await storeJson<Status>('status');
    const done = await storeJson<Status>('compact');
    expect(done.revision).toBeGreaterThanOrEqual(revision);
    expect((await storeJson<Status>('status')).compactedRevision).toBeGreaterThanOrEqual(revision);
    const future = await store('compact', '999999999');
    expect(future).toMatchObject({ status: 1, stderr: expect.stringContaining('is in the future') });
    expect(await store('compact', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('not a revision') });
  });

  it('refuses what cannot be done, and says why', async () => {
    expect(await store('remove', 's1')).toMatchObject({ status: 2, stderr: expect.stringContaining('say --yes') });
    const removed = await store('remove', 's1', '--yes');
    expect(removed).toMatchObject({ status: 1, stderr: expect.stringContaining('no voter would be left') });
    expect(await store('promote', 's7')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no member "s7"'),
    });
    const moved = await store('move-leader');
    expect(moved).toMatchObject({ status: 1, stderr: expect.stringContaining('no other voter answers') });
    const added = await store('add-learner', 'x', 's2', 'nonsense');
    expect(added).toMatchObject({ status: 1, stderr: expect.stringContaining('must be HOST:PORT') });
    const nowhere = await timonel(['store', 'status', '--data-dir', join(directory, 'none')]);
    expect(nowhere).toMatchObject({ status: 3, stderr: expect.stringContaining('No cluster found') });
    expect(await timonel(['store', 'snapshot', 'restore', '--help'])).toMatchObject({ status: 0 });
  });

  it('adds a learner that does not answer, and removes it again', async () => {
    const peer = `127.0.0.1:${await freePort()}`;
    expect(await store('add-learner', 'learner-1', 's2', peer)).toMatchObject({ status: 0 });
    const members = await storeJson<{ id: string; role: string; error?: string }[]>('members');
    expect(members).toHaveLength(2);
    expect(members[1]).toMatchObject({ id: 'learner-1', role: 'learner', error: expect.any(String) });
    const promoted = await store('promote', 's2');
    expect(promoted).toMatchObject({ status: 1, stderr: expect.stringContaining('is not promoted') });
    const check = await store('check');
    expect(check).toMatchObject({ status: 1, stdout: expect.stringContaining('NOT healthy') });
    expect(await store('remove', 's2', '--yes')).toMatchObject({ status: 0 });
    expect(await storeJson<unknown[]>('members')).toHaveLength(1);
  });

  it('brings a cluster back from a snapshot', async () => {
    await kubectl('create', 'configmap', 'kept', '--from-literal=answer=42');
    await kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=word=xyzzy');
    const uid = await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.uid}');
    const secrets = (...args: string[]): Promise<RunResult> => timonel(['secrets', ...args, '--data-dir', dataDir]);
    const rotated = await secrets('rotate', '-o', 'json');
    const keys = [
      { id: '1', primary: false, values: 0 },
      { id: '2', primary: true },
    ];
    expect(JSON.parse(rotated.stdout)).toMatchObject({ resources: ['secrets'], keys, unsealed: 0 });
    expect((await secrets('status')).stdout).toMatch(/2 +\S+ +seals +[1-9]/);
    const saved = await storeJson<{ revision: number; keys: number; sha256: string }>('snapshot', 'save', file);
    // Neither the copy nor anything that the server writes has the value.
    for (const found of [file, ...filesIn(dataDir)]) {
      const bytes = readFileSync(found);
      for (const text of ['xyzzy', Buffer.from('xyzzy').toString('base64')])
        expect([found, bytes.includes(text)]).toEqual([found, false]);
    }
    expect(readdirSync(directory).sort()).toEqual(['cluster.snapshot', 'server']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const examined = await timonel(['store', 'snapshot', 'status', file, '-o', 'json']);
    expect(examined.status).toBe(0);
    expect(JSON.parse(examined.stdout)).toMatchObject({ valid: true, ...saved });
    await kubectl('create', 'configmap', 'later', '--from-literal=answer=43');
    const seen = Number(await kubectl('get', 'configmap', 'later', '-o', 'jsonpath={.metadata.resourceVersion}'));

    const inUse = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', dataDir, '--force']);
    expect(inUse).toMatchObject({ status: 4, stderr: expect.stringContaining('in use by a running timonel') });
    await server?.end();
    const there = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', dataDir]);
    expect(there).toMatchObject({ status: 1, stderr: expect.stringContaining('--force') });
    rmSync(join(dataDir, 'data', 'store-raft'), { recursive: true });

    const restored = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', dataDir]);
    expect(restored).toMatchObject({ status: 0, stderr: '' });
    expect(restored.stdout).toContain(`Start it: timonel server --data-dir ${dataDir}`);
    await start();
    expect(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.uid} {.data.answer}')).toBe(
      `${uid} 42`,
    );
    const word = await kubectl('get', 'secret', 'hidden', '-o', 'jsonpath={.data.word}');
    expect(Buffer.from(word, 'base64').toString()).toBe('xyzzy');
    expect(await kubectl('get', 'configmaps', '-o', 'name')).not.toContain('later');
    await kubectl('create', 'configmap', 'new', '--from-literal=answer=44');
    const version = Number(await kubectl('get', 'configmap', 'new', '-o', 'jsonpath={.metadata.resourceVersion}'));
    expect(version).toBeGreaterThan(seen + 1000);
    expect(await store('check')).toMatchObject({ status: 0 });
  });

  it('restores over a store that is there, onto a fresh machine, and never a damaged file', async () => {
    await server?.end();
    const bad = join(directory, 'bad.snapshot');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    writeFileSync(bad, bytes);
    const examined = await timonel(['store', 'snapshot', 'status', bad]);
    expect(examined).toMatchObject({ status: 1, stdout: expect.stringContaining('cannot be used') });
    const refused = await timonel(['store', 'snapshot', 'restore', bad, '--data-dir', dataDir, '--force']);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('The snapshot cannot be used') });

    const forced = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', dataDir, '--force']);
    expect(forced).toMatchObject({ status: 0, stdout: expect.stringContaining('before-restore-1') });
    await start();
    expect(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.answer}')).toBe('42');
    await server?.end();

    // All is lost but the file: new certificates, the old objects.
    rmSync(dataDir, { recursive: true });
    const fresh = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', dataDir, ...listen]);
    expect(fresh).toMatchObject({ status: 0, stderr: expect.stringContaining('has no authority') });
    const locked = new Background(['server', '--data-dir', dataDir]);
    await locked.says('bring back the right one');
    await locked.end();
    const config = join(directory, 'forget.yaml');
    writeFileSync(config, JSON.stringify({ plugins: { 'encryption-aesgcm': { config: { lostKeys: 'forget' } } } }));
    await start('--config', config);
    expect(await kubectl('get', 'secrets', '-o', 'name')).not.toContain('hidden');
    expect(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.answer}')).toBe('42');
    expect(existsSync(join(dataDir, 'pki', 'ca.key'))).toBe(true);
  });

  it('makes a server that had joined the first of a new cluster, which the other joins anew', async () => {
    const otherDir = join(directory, 'other');
    const [port, peerPort] = [await freePort(), await freePort()];
    const place = ['--name', 's2', '--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`];
    const joinAnew = async (at: string, dir: string, ...args: string[]): Promise<Background> => {
      const made = await timonel(['token', 'create', '--role', 'server', '--data-dir', at]);
      expect(made.status).toBe(0);
      const url = /server: (\S+)/.exec(readFileSync(join(at, 'kubeconfig'), 'utf8'))?.[1] ?? '';
      const background = new Background([
        'server',
        '--data-dir',
        dir,
        ...args,
        '--join',
        url,
        '--token',
        made.stdout.trim(),
      ]);
      await background.says('is Ready after');
      return background;
    };
    let other = await joinAnew(dataDir, otherDir, ...place);
    try {
      expect(await store('move-leader', 's2')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('s2 leads'),
      });
      const saved = await timonel(['store', 'snapshot', 'save', file, '--data-dir', otherDir]);
      expect(saved).toMatchObject({ status: 0 });
      await server?.end('SIGKILL');
      await other.end('SIGKILL');

      const restored = await timonel(['store', 'snapshot', 'restore', file, '--data-dir', otherDir, '--force']);
      expect(restored).toMatchObject({ status: 0, stderr: '' });
      other = new Background(['server', '--data-dir', otherDir]);
      await other.says('is Ready after');
      rmSync(dataDir, { recursive: true });
      server = await joinAnew(otherDir, dataDir, ...listen);
      await until(
        async () => (await storeJson<{ role: string }[]>('members')).every(({ role }) => role !== 'learner'),
        {
          what: 's1 to vote again',
          timeoutMs: 30_000,
        },
      );
      const members = await storeJson<{ name: string; role: string }[]>('members');
      expect(members.map(({ name }) => name).sort()).toEqual(['s1', 's2']);
      expect(members.map(({ role }) => role).sort()).toEqual(['leader', 'voter']);
      expect(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.answer}')).toBe('42');
      expect(await store('check')).toMatchObject({ status: 0 });
    } finally {
      await other.end();
    }
  });
});
