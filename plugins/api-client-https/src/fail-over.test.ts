import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { configMaps } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import { issueIdentity, nodeProfile } from '@timonel/sdk/pki';
import { env, FakeMaster, makePki, sendJson, type Answer, type Pki } from './testing/fake-masters.ts';

// Long enough for a machine that is busy with other tests, and shorter than what the tests allow.
const fast = { connectTimeoutMs: 1500, probeIntervalMs: 100, probeTimeoutMs: 600, requestTimeoutMs: 10_000 };
const name = { namespace: 'default', name: 'x' };

let pki: Pki;
let directory: string;
let masters: FakeMaster[] = [];
let kernels: TestKernel[] = [];

beforeAll(async () => {
  pki = await makePki('system:node:a');
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-client-'));
  writeFileSync(join(directory, 'ca.crt'), pki.authority.certificatePem);
  writeFileSync(join(directory, 'node.crt'), pki.client.certificatePem);
  writeFileSync(join(directory, 'node.key'), pki.client.keyPem);
});
afterEach(async () => {
  await Promise.all(kernels.map((kernel) => kernel.stop()));
  await Promise.all(masters.map((master) => master.close()));
  kernels = [];
  masters = [];
  rmSync(directory, { recursive: true, force: true });
});
afterAll(() => expect(masters).toEqual([]));

/** Objects that say who answered; watches that begin and stay open. */
const answering =
  (who: string): Answer =>
  (request, response) => {
    const url = new URL(request.url ?? '', 'https://x');
    if (url.searchParams.has('watch')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      const object = { metadata: { name: who, resourceVersion: '5' } };
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      return;
    }
    if (url.pathname.endsWith('endpointslices') || url.pathname.endsWith('/endpoints/kubernetes')) {
      sendJson(response, 200, { metadata: {}, items: [] });
      return;
    }
    sendJson(response, 200, { metadata: { name: who } });
  };

async function openMasters(count: number): Promise<FakeMaster[]> {
  const made = Array.from({ length: count }, (_, index) => {
    return new FakeMaster(pki.server, pki.authority, answering(`m${index}`));
  });
  masters.push(...made);
  return Promise.all(made.map((master) => master.open()));
}

async function clientOf(servers: readonly string[], more: object = {}): Promise<ApiClient> {
  const files = { caFile: 'ca.crt', certFile: 'node.crt', keyFile: 'node.key' };
  const paths = Object.fromEntries(Object.entries(files).map(([key, file]) => [key, join(directory, file)]));
  const kernel = await startTestKernel({
    plugins: [plugin],
    config: { 'api-client-https': { servers, ...paths, ...fast, ...more } },
    dataDir: join(directory, 'data'),
  });
  kernels.push(kernel);
  return kernel.service(apiClient);
}

const ask = async (api: ApiClient): Promise<string> => (await api.get(configMaps, name)).metadata.name ?? '';
function masterAt(index: number): FakeMaster {
  const master = masters[index];
  if (master === undefined) throw new Error(`there is no master ${index}`);
  return master;
}
const masterNamed = (who: string): FakeMaster => masterAt(Number(who.slice(1)));
const otherThan = (who: string): FakeMaster => masters.find((master) => master !== masterNamed(who)) as FakeMaster;

async function refusalOf(call: Promise<unknown>): Promise<{ reason: string; message: string }> {
  return call.then(
    () => ({ reason: 'none', message: '' }),
    (error: unknown) => error as { reason: string; message: string },
  );
}

const urls = (): string[] => masters.map(({ url }) => url);

describe('several API servers', () => {
  it('stays with one, and shows its certificate', async () => {
    await openMasters(3);
    const api = await clientOf(urls());
    const answers = [];
    for (let round = 0; round < 10; round += 1) answers.push(await ask(api));
    expect(new Set(answers).size).toBe(1);
    expect(masterNamed(answers[0] ?? '').clients[0]).toBe('system:node:a');
  });

  it('goes on with another when it is gone: reads and writes that could not be sent', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    await masterNamed(first).kill();
    expect(await ask(api)).not.toBe(first);
    const made = await api.create(configMaps, { metadata: { name: 'x', namespace: 'default' } });
    expect(made.metadata.name).not.toBe(first);
  });

  it('takes a write to another when the first one refuses the connection', async () => {
    await openMasters(2);
    const dead = masterAt(0);
    const { url } = dead;
    await dead.kill();
    const api = await clientOf([url, masters[1]?.url ?? '']);
    const made = await api.create(configMaps, { metadata: { name: 'x', namespace: 'default' } });
    expect(made.metadata.name).toBe('m1');
  });

  it('does not repeat a write that may have arrived', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    masterNamed(first).answer = (request) => request.socket.destroy();
    const create = api.create(configMaps, { metadata: { name: 'x', namespace: 'default' } });
    expect(await refusalOf(create)).toMatchObject({
      reason: 'Timeout',
      message: expect.stringContaining('it may have happened'),
    });
    expect(otherThan(first).requests.filter((text) => text.startsWith('POST'))).toEqual([]);
    expect(await ask(api)).not.toBe(first);
  });

  it('loses little time on one that does not answer a connection', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    // The idle connection dies too, so that a new one is tried.
    await masterNamed(first).freeze();
    const began = performance.now();
    expect(await ask(api)).not.toBe(first);
    expect(performance.now() - began).toBeLessThan(9000);
  });

  it('notices that the machine behind a watch vanished, and watches elsewhere', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const watched = async (): Promise<{ who: string; ended: Promise<void> }> => {
      const iterator = api.watch(configMaps, { namespace: 'default' })[Symbol.asyncIterator]();
      const { value } = await iterator.next();
      const ended = iterator.next().then(() => undefined);
      ended.catch(() => undefined);
      return { who: value.object.metadata.name ?? '', ended };
    };
    const before = await watched();
    await masterNamed(before.who).freeze();
    const began = performance.now();
    expect(await refusalOf(before.ended)).toMatchObject({ name: 'ApiError', reason: 'ServiceUnavailable' });
    expect(performance.now() - began).toBeLessThan(9000);
    expect((await watched()).who).not.toBe(before.who);
  });

  it('asks another for reads when one answers 503; a write is told', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    const status = { kind: 'Status', reason: 'ServiceUnavailable', message: 'no majority', code: 503 };
    masterNamed(first).answer = (_request, response) => sendJson(response, 503, status);
    const refusal = await refusalOf(api.delete(configMaps, name));
    expect(refusal).toMatchObject({ reason: 'ServiceUnavailable', message: 'no majority' });
    expect(otherThan(first).requests.filter((text) => text.startsWith('DELETE'))).toEqual([]);
    expect(await ask(api)).not.toBe(first);
  });

  it('takes a write to another when the first one says that nothing was done', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    const details = { retryAfterSeconds: 1 };
    const status = { kind: 'Status', reason: 'ServiceUnavailable', message: 'no leader', details, code: 503 };
    masterNamed(first).answer = (_request, response) => sendJson(response, 503, status);
    const made = await api.create(configMaps, { metadata: { name: 'x', namespace: 'default' } });
    expect(made.metadata.name).not.toBe(first);
  });

  it('leaves one without a majority for one that can serve, and stays when there is none', async () => {
    await openMasters(2);
    const api = await clientOf(urls());
    const first = await ask(api);
    masterNamed(first).ready = 'unknown';
    otherThan(first).ready = false;
    const probes = kernels[0]?.env.clock.monotonic() ?? 0;
    await until(() => (kernels[0]?.env.clock.monotonic() ?? 0) > probes + 500, { what: 'some probes' });
    expect(await ask(api)).toBe(first);
    otherThan(first).ready = true;
    await until(async () => (await ask(api)) !== first, { what: 'the ready server to be used' });
  });

  it('fails at once, with a reason to try again, when nobody is there; and comes back', async () => {
    await openMasters(1);
    const { url } = masterAt(0);
    await masters[0]?.kill();
    const api = await clientOf([url]);
    const began = performance.now();
    for (let round = 0; round < 5; round += 1) {
      const refusal = await refusalOf(ask(api));
      expect(refusal).toMatchObject({ reason: 'ServiceUnavailable', message: expect.stringContaining('127.0.0.1') });
    }
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('the list of servers', () => {
  const slicesOf = (ports: readonly number[]): unknown => ({
    metadata: {},
    items: ports.map((port) => ({
      metadata: { name: `kubernetes-${port}` },
      addressType: 'IPv4',
      ports: [{ name: 'https', port }],
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }, { addresses: ['bad name'] }],
    })),
  });

  it('is learned from the cluster and outlives the servers of the configuration', async () => {
    await openMasters(2);
    const [first, second] = masters as [FakeMaster, FakeMaster];
    first.answer = (request, response, body) => {
      if (request.url?.includes('endpointslices')) sendJson(response, 200, slicesOf([first.port, second.port]));
      else answering('m0')(request, response, body);
    };
    const api = await clientOf([first.url], { refreshIntervalMs: 50 });
    expect(await ask(api)).toBe('m0');
    const learned = (): boolean =>
      kernels[0]?.log.lines.some(({ message }) => message.includes('API servers of')) ?? false;
    await until(learned, { what: 'the servers to be learned' });
    await first.kill();
    expect(await ask(api)).toBe('m1');
    await kernels.pop()?.stop();
    const again = await clientOf([first.url]);
    await until(async () => (await ask(again)) === 'm1', { what: 'a remembered server' });
  });

  it('is kept when the cluster names none', async () => {
    await openMasters(1);
    const api = await clientOf(urls(), { refreshIntervalMs: 50 });
    const asked = (): boolean => (masters[0]?.requests.filter((text) => text.includes('endpoint')).length ?? 0) > 4;
    await until(asked, { what: 'two looks at the list' });
    expect(await ask(api)).toBe('m0');
  });

  it('is that of the configuration when the remembered one is damaged', async () => {
    await openMasters(1);
    writeFileSync(join(directory, 'servers.json'), '{"servers": ');
    const api = await clientOf(urls(), { endpointsFile: join(directory, 'servers.json') });
    expect(await ask(api)).toBe('m0');
  });
});

describe('credentials', () => {
  it('are read again when they change, also those of the servers', async () => {
    await openMasters(1);
    const api = await clientOf(urls(), { credentialsIntervalMs: 30 });
    expect(await ask(api)).toBe('m0');
    const next = await makePki('system:node:renewed');
    const master = await new FakeMaster(next.server, next.authority, answering('m1')).open();
    masters.push(master);
    const strict = await clientOf([master.url], { credentialsIntervalMs: 30 });
    expect((await refusalOf(ask(strict))).reason).toBe('ServiceUnavailable');
    writeFileSync(join(directory, 'node.crt'), next.client.certificatePem);
    writeFileSync(join(directory, 'node.key'), next.client.keyPem);
    writeFileSync(join(directory, 'ca.crt'), next.authority.certificatePem + pki.authority.certificatePem);
    await until(async () => (await ask(strict)) === 'm1', { what: 'the new authority to be trusted' });
    expect(master.clients.at(-1)).toBe('system:node:renewed');
    expect(await ask(api)).toBe('m0');
  });

  it('of a node are not those of a server, whatever names it has', async () => {
    const node = await issueIdentity(env, pki.authority, nodeProfile('127.0.0.1', ['127.0.0.1']));
    const master = await new FakeMaster(node, pki.authority, answering('thief')).open();
    masters.push(master);
    const api = await clientOf(urls());
    expect(await refusalOf(ask(api))).toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('that of a node, not of an API server'),
    });
    expect(master.requests).toEqual([]);
  });

  it.each([
    ['caFile', 'absent.crt', 'caFile .*absent.crt cannot be read \\(ENOENT\\)'],
    ['keyFile', 'ca.crt', 'fit together'],
  ])('that cannot be used are a clear error: %s', async (key, file, text) => {
    const start = clientOf(['https://127.0.0.1:1'], { [key]: join(directory, file) });
    await expect(start).rejects.toMatchObject({ message: expect.stringMatching(text) });
  });
});

describe('bounds', () => {
  it('refuses watches and answers beyond them', async () => {
    await openMasters(1);
    const api = await clientOf(urls(), { watches: 1, responseLimitBytes: 2048 });
    const watch = api.watch(configMaps, { namespace: 'default' })[Symbol.asyncIterator]();
    await watch.next();
    const second = api.watch(configMaps, { namespace: 'default' })[Symbol.asyncIterator]();
    expect((await refusalOf(second.next())).reason).toBe('TooManyRequests');
    await watch.return?.();
    masterAt(0).answer = (_request, response) => sendJson(response, 200, { fill: 'x'.repeat(4096) });
    expect((await refusalOf(ask(api))).message).toContain('larger than 2048 bytes');
  });

  it('takes up a watch anew that says nothing for too long', async () => {
    await openMasters(1);
    const api = await clientOf(urls(), { watchIdleTimeoutMs: 100 });
    const watch = api.watch(configMaps, { namespace: 'default', allowBookmarks: true })[Symbol.asyncIterator]();
    await watch.next();
    expect((await refusalOf(watch.next())).message).toContain('nothing came for 100 ms');
  });
});
