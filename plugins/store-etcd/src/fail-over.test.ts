import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { createRecordingLogger, until } from '@timonel/testkit';
import { etcdMissing, startEtcd, type EtcdCluster, type EtcdOptions } from '../../../test/support/etcd.ts';
import { configSchema, type EtcdStoreConfigInput } from './config.ts';
import { EtcdStore } from './etcd-store.ts';
import type { TlsMaterial } from './wire/connection.ts';

jest.setTimeout(60_000);

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function startCluster(options: EtcdOptions): Promise<EtcdCluster> {
  const cluster = await startEtcd({
    ...options,
    flags: ['--heartbeat-interval', '50', '--election-timeout', '500', ...(options.flags ?? [])],
  });
  undo.push(() => cluster.stop());
  return cluster;
}

async function openStore(input: EtcdStoreConfigInput, tls: TlsMaterial = {}): Promise<EtcdStore> {
  const log = createRecordingLogger();
  const store = await EtcdStore.open({ env: createRealEnv(), log, config: configSchema.parse(input), tls });
  undo.push(() => store.close());
  return store;
}

const put = (store: EtcdStore, key: string) =>
  store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from(key) }] });

/** A certificate that signs itself, for 127.0.0.1: authority, server and client in one. */
function makeCertificate(): { dir: string; certFile: string; keyFile: string } {
  const dir = mkdtempSync(join(tmpdir(), 'timonel-etcd-tls-'));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=timonel', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...request, ...names, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { dir, certFile, keyFile };
}

const withEtcd = etcdMissing === undefined ? describe : describe.skip;

withEtcd(`store-etcd and failures${etcdMissing === undefined ? '' : ` (needs etcd: ${etcdMissing})`}`, () => {
  it('goes on with another member when the one in use is killed; the watch misses and repeats nothing', async () => {
    const cluster = await startCluster({ members: 3 });
    const store = await openStore({ endpoints: cluster.endpoints, requestTimeoutMs: 8_000 });
    const seen: string[] = [];
    const watch = store.watch({ prefix: '', fromRevision: 0 });
    const watching = (async () => {
      for await (const batch of watch) for (const event of batch.events) seen.push(event.kv.key);
    })();
    const acknowledged: string[] = [];
    for (let at = 0; at < 60; at++) {
      if (at === 20) await cluster.first.stop('SIGKILL');
      // A write whose answer was lost may have happened: only what was acknowledged counts.
      await put(store, `k${String(at).padStart(2, '0')}`).then(
        () => acknowledged.push(`k${String(at).padStart(2, '0')}`),
        () => undefined,
      );
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(50);
    const { kvs } = await store.range({ prefix: '' });
    await until(() => seen.length >= kvs.length, { what: 'every event' });
    watch.close();
    await watching;
    expect(seen).toEqual(kvs.map((kv) => kv.key));
    expect(seen).toEqual(expect.arrayContaining(acknowledged));
  });

  it('resumes watches over a restart of the only member', async () => {
    const cluster = await startCluster({});
    const store = await openStore({ endpoints: cluster.endpoints });
    const watch = store.watch({ prefix: '', fromRevision: 0 });
    const iterator = watch[Symbol.asyncIterator]();
    await put(store, 'before');
    expect((await iterator.next()).value).toMatchObject({ revision: 2 });
    const waiting = iterator.next();
    await cluster.restart();
    while (
      await put(store, 'after').then(
        () => false,
        () => true,
      )
    );
    expect((await waiting).value).toMatchObject({ events: [{ kv: { key: 'after', modRevision: 3 } }] });
    watch.close();
  });

  it('reads a long past from etcd when its own memory does not reach back', async () => {
    const cluster = await startCluster({});
    const first = await openStore({ endpoints: cluster.endpoints });
    for (let at = 0; at < 1_200; at += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, n) => put(first, `k${at + n}`)));
    }
    const second = await openStore({ endpoints: cluster.endpoints, compaction: false });
    const watch = second.watch({ prefix: 'k', fromRevision: 2 });
    await put(second, 'k-last');
    const revisions: number[] = [];
    for await (const batch of watch) {
      revisions.push(...batch.events.map((event) => event.kv.modRevision));
      if (batch.revision >= 1_202) break;
    }
    expect(revisions).toEqual(Array.from({ length: 1_201 }, (_, at) => at + 2));
  });

  it('shares an etcd: keys of others are not seen, and the revision counts their changes', async () => {
    const cluster = await startCluster({});
    const ours = await openStore({ endpoints: cluster.endpoints, keyPrefix: 'a/' });
    const others = await openStore({ endpoints: cluster.endpoints, keyPrefix: 'b/' });
    const watch = ours.watch({ prefix: '', fromRevision: 0 });
    await put(others, 'x');
    await put(ours, 'y');
    const { value } = await watch[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ revision: 3, events: [{ kv: { key: 'y' } }] });
    expect((await ours.range({ prefix: '' })).kvs.map((kv) => kv.key)).toEqual(['y']);
    watch.close();
  });

  it('needs the right certificates', async () => {
    const { certFile, keyFile } = makeCertificate();
    const cluster = await startCluster({ tls: { caFile: certFile, certFile, keyFile } });
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    const store = await openStore({ endpoints: cluster.endpoints }, { ca: cert, cert, key });
    expect((await put(store, 'a')).revision).toBe(2);
    const config = { endpoints: cluster.endpoints, requestTimeoutMs: 1_000 };
    await expect(openStore(config, { ca: cert })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(openStore(config, { cert, key })).rejects.toThrow(/self.signed certificate/);
  });

  it('names the flag of etcd that a large txn needs', async () => {
    const cluster = await startCluster({});
    const store = await openStore({ endpoints: cluster.endpoints });
    const success = Array.from({ length: 200 }, (_, at) => ({ op: 'delete', key: `k${at}` }) as const);
    await expect(store.txn({ compare: [], success })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      message: expect.stringContaining('--max-txn-ops'),
    });
    const value = new Uint8Array(2 * 1024 * 1024);
    await expect(store.txn({ compare: [], success: [{ op: 'put', key: 'a', value }] })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      message: expect.stringContaining('--max-request-bytes'),
    });
  });
});
