/** Secrets at rest: what lies in the store tells nothing, whoever reads over the API sees no difference, and keys are replaced under load. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { keepAuthority, makeSuccessor, writeAuthority } from '@timonel/sdk/pki';
import encryptionAesGcm from '@timonel/plugin-encryption-aesgcm';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const secretsPath = '/api/v1/namespaces/default/secrets';
const api = '/apis/encryption.timonel.dev/v1';
const planted = 'planted-value-7f3a';
const encoded = Buffer.from(planted).toString('base64');
const servers: TestApiServer[] = [];
const directories: string[] = [];

const newStore = (): MemoryStore => new MemoryStore(createRealEnv());
const newDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-encryption-'));
  directories.push(directory);
  return directory;
};

/** A file with a master key, the same for the same letter. */
function keyFile(letter = 'k'): string {
  const file = join(newDirectory(), 'master.key');
  writeFileSync(file, `${Buffer.from(letter.repeat(32)).toString('base64')}\n`);
  return file;
}

interface Serving {
  readonly encrypts?: boolean;
  readonly masterKeyFile?: string;
  /** The master key is that beside the authority of this directory. */
  readonly pkiDirectory?: string;
  readonly lostKeys?: 'forget';
}

async function serve(store: MemoryStore, more: Serving = {}) {
  const { encrypts = true, lostKeys = 'refuse', pkiDirectory } = more;
  const masterKeyFile = more.masterKeyFile ?? keyFile();
  const key = pkiDirectory === undefined ? { masterKeyFile } : { pkiDirectory };
  const server = await startApiServer({
    store,
    plugins: encrypts ? [encryptionAesGcm] : [],
    config: { 'encryption-aesgcm': { ...key, lostKeys, upkeepMs: 100 } },
  });
  servers.push(server);
  return server;
}

const secret = (name: string, value = encoded): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  data: { password: value },
});

async function create(server: TestApiServer, name: string): Promise<void> {
  expect((await server.send('POST', secretsPath, { body: secret(name) })).status).toBe(201);
}

/** Everything in the store, history of values included as far as the store has them. */
async function raw(store: MemoryStore, prefix = ''): Promise<string> {
  const { kvs } = await store.range({ prefix });
  return kvs.map(({ key, value }) => `${key}=${Buffer.from(value).toString('latin1')}`).join('\n');
}

async function sealedBy(store: MemoryStore): Promise<readonly string[]> {
  const { kvs } = await store.range({ prefix: '/registry/core/secrets/' });
  const ids = kvs.map(({ value }) => /^k8s:enc:aesgcm:v1:(\d+):/.exec(Buffer.from(value).toString('latin1'))?.[1]);
  return [...new Set(ids.map((id) => id ?? 'nothing'))];
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

describe('Secrets in the store', () => {
  it('are encrypted, and the same as ever over the API: create, get, list, watch, patch, delete', async () => {
    const store = newStore();
    const server = await serve(store);
    const watch = server.watch(`${secretsPath}?watch=1`);
    await create(server, 'a');
    const patched = await server.send('PATCH', `${secretsPath}/a`, {
      type: 'application/merge-patch+json',
      body: { data: { more: encoded } },
    });
    expect(patched.body.data).toEqual({ password: encoded, more: encoded });
    expect((await server.send('GET', `${secretsPath}/a`)).body.data).toEqual({ password: encoded, more: encoded });
    const exact = `?resourceVersionMatch=Exact&resourceVersion=${patched.body.metadata.resourceVersion}`;
    expect((await server.send('GET', `${secretsPath}${exact}`)).body.items[0].data.more).toBe(encoded);
    expect(await raw(store)).not.toContain(encoded);
    expect(await sealedBy(store)).toEqual(['1']);
    const removed = await server.send('DELETE', `${secretsPath}/a`);
    expect(removed.status).toBe(200);
    await until(() => watch.events.length === 3, { what: 'three events' });
    expect(watch.events.map(({ type, object }) => [type, object.data.password])).toEqual([
      ['ADDED', encoded],
      ['MODIFIED', encoded],
      ['DELETED', encoded],
    ]);
    watch.stop();
  });

  it('are read by a server that starts later, and were sealed when they lay there open', async () => {
    const store = newStore();
    const open = await serve(store, { encrypts: false });
    await create(open, 'early');
    expect(await raw(store)).toContain(encoded);
    await serve(store);
    await until(async () => !(await raw(store)).includes(encoded), { what: 'the early Secret to be sealed' });
    const later = await serve(store);
    expect((await later.send('GET', `${secretsPath}/early`)).body.data.password).toBe(encoded);
  });

  it('do not open under another master key, by themselves, or in the place of another', async () => {
    const store = newStore();
    const server = await serve(store);
    await create(server, 'mine');
    await create(server, 'other');
    await expect(serve(store, { masterKeyFile: keyFile('z') })).rejects.toThrow(
      /sealed by another master key than .*master\.key/,
    );
    const { kv } = await store.get('/registry/core/secrets/default/other');
    const key = '/registry/core/secrets/default/mine';
    await store.txn({ compare: [], success: [{ op: 'put', key, value: kv?.value ?? Buffer.of() }] });
    await until(async () => (await server.send('GET', `${secretsPath}/mine`)).status === 404, { what: 'the change' });
    const restarted = await serve(store);
    const wrong = {
      status: 500,
      body: { message: expect.stringContaining('was changed or moved after it was sealed') },
    };
    expect(await restarted.send('DELETE', `${secretsPath}/mine`)).toMatchObject(wrong);
    // Nothing else suffers.
    for (const one of [server, restarted]) {
      expect((await one.send('GET', `${secretsPath}/other`)).body.data.password).toBe(encoded);
      expect((await one.send('GET', '/api/v1/namespaces')).status).toBe(200);
    }
  });
});

describe('Secrets of servers that share an authority', () => {
  it('are readable after it was replaced, also those of a cluster whose master key had no file, and by a server that joined', async () => {
    const env = createRealEnv();
    const [store, pkiDirectory] = [newStore(), newDirectory()];
    const first = await keepAuthority(env, pkiDirectory);
    await create(await serve(store, { pkiDirectory }), 'early');
    // As it was left behind by servers of before.
    rmSync(join(pkiDirectory, 'master.key'));
    const server = await serve(store, { pkiDirectory });
    expect((await server.send('GET', `${secretsPath}/early`)).body.data.password).toBe(encoded);
    const { authority, linkPem: succession } = await makeSuccessor(env, first);
    const files = { bundle: authority.certificatePem, keyPem: authority.keyPem, succession };
    await writeAuthority(pkiDirectory, files);
    const joined = newDirectory();
    await writeAuthority(joined, files);
    await expect(serve(store, { pkiDirectory: joined })).rejects.toThrow(
      /master.key is gone: copy it from another server/,
    );
    copyFileSync(join(pkiDirectory, 'master.key'), join(joined, 'master.key'));
    for (const directory of [pkiDirectory, joined]) {
      const after = await serve(store, { pkiDirectory: directory });
      expect((await after.send('GET', `${secretsPath}/early`)).body.data.password).toBe(encoded);
    }
  });
});

describe('a master key that is lost for good', () => {
  it('costs the Secrets and nothing else, when that is wanted', async () => {
    const store = newStore();
    await create(await serve(store), 'gone');
    const server = await serve(store, { masterKeyFile: keyFile('z'), lostKeys: 'forget' });
    await until(async () => (await sealedBy(store)).length === 0, { what: 'the Secret to be deleted' });
    await create(server, 'gone');
    expect(await sealedBy(store)).toEqual(['2']);
    expect((await server.send('GET', '/api/v1/namespaces/default')).status).toBe(200);
  });
});

describe('encryption keys', () => {
  it('are replaced while several servers write, and end when nothing needs them', async () => {
    const store = newStore();
    const file = keyFile();
    const [one, two] = [await serve(store, { masterKeyFile: file }), await serve(store, { masterKeyFile: file })];
    const names = Array.from({ length: 30 }, (_, count) => `s${count}`);
    for (const name of names.slice(0, 10)) await create(one, name);
    const writing = Promise.all(names.slice(10).map((name, count) => create(count % 2 === 0 ? one : two, name)));
    const rotated = await two.send('POST', `${api}/rotate`);
    expect(rotated.body.keys).toMatchObject([
      { id: '1', primary: false },
      { id: '2', primary: true },
    ]);
    await writing;
    const status = async () => (await one.send('GET', `${api}/status`)).body;
    await until(async () => (await sealedBy(store)).join() === '2', { what: 'all to be sealed by the new key' });
    // The history before the change needs the first key still.
    expect((await status()).keys).toMatchObject([
      { id: '1', values: 0 },
      { id: '2', values: 30 },
    ]);
    await store.compact((await store.status()).revision);
    await until(async () => (await status()).keys.length === 1, { what: 'the first key to end' });
    await create(one, 'after');
    await create(two, 'after-too');
    expect(await status()).toMatchObject({ resources: ['secrets'], unsealed: 0, keys: [{ id: '2', values: 32 }] });
    for (const server of [one, two, await serve(store, { masterKeyFile: file })]) {
      const { body } = await server.send('GET', secretsPath);
      expect(new Set(body.items.map((item: { data: { password: string } }) => item.data.password))).toEqual(
        new Set([encoded]),
      );
    }
    expect(await raw(store)).not.toContain(encoded);
  });

  it('are for administrators alone, and never told', async () => {
    const server = await serve(newStore());
    const denied = await server.send('POST', `${api}/rotate`, { headers: { 'impersonate-user': 'eve' } });
    expect(denied).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    const { text } = await server.send('GET', `${api}/status`);
    expect(text).not.toMatch(/"(secret|sealed)"/);
  });
});
