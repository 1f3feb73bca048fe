/** HTTPS and plain HTTP on this machine: found out, and found out anew. */
import { createServer as createTlsServer } from 'node:https';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { manualEnv } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import { configSchema } from '../config.ts';
import { Agents } from '../http/agents.ts';
import { anyone, Bed, digestOf, failureOf, image, ociManifest } from '../testing/fake-registry.ts';

const bytes = JSON.stringify({ mediaType: ociManifest });
const serve: RequestListener = (_, response) => {
  const headers = {
    'content-type': ociManifest,
    'content-length': bytes.length,
    'docker-content-digest': digestOf(bytes),
  };
  response.writeHead(200, headers).end(bytes);
};

let directory: string;
let caFile: string;
let tls: { cert: string; key: string };
const bed = new Bed();
const servers: { close(): void }[] = [];

beforeAll(async () => {
  const env = createRealEnv();
  directory = await mkdtemp(join(tmpdir(), 'timonel-schemes-'));
  caFile = join(directory, 'ca.crt');
  const authority = await makeAuthority(env);
  await writeFile(caFile, authority.certificatePem);
  const profile = { commonName: 'registry', names: ['127.0.0.1'], usages: ['server' as const] };
  const { certificatePem: cert, keyPem: key } = await issueIdentity(env, authority, profile);
  tls = { cert, key };
});

afterAll(() => rm(directory, { recursive: true, force: true }));

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await bed.close();
});

async function listen(server: Server, port: number): Promise<() => Promise<void>> {
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  servers.push({ close: () => void close() });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return close;
}

describe('authorities', () => {
  it('of a file that is replaced are read again, after a while', async () => {
    const file = join(directory, 'changing.crt');
    const [url, env] = [new URL('https://r.example'), manualEnv()];
    const hosts = new Map([['r.example', { registry: 'r.example', caFile: file }]]);
    const agents = new Agents({ env, hosts, proxies: { for: () => undefined }, config: configSchema.parse({}) });
    await expect(agents.for(url)).rejects.toMatchObject({ message: expect.stringContaining('(ENOENT)') });
    await writeFile(file, 'no certificate');
    await expect(agents.for(url)).rejects.toMatchObject({ kind: 'untrusted' });
    await copyFile(caFile, file);
    const first = await agents.for(url);
    await writeFile(file, 'broken');
    expect(await agents.for(url)).toBe(first);
    await env.advance(20_000);
    await expect(agents.for(url)).rejects.toMatchObject({ kind: 'untrusted' });
    await copyFile(caFile, file);
    const second = await agents.for(url);
    expect(second).not.toBe(first);
    await env.advance(20_000);
    expect(await agents.for(url)).toBe(second);
    expect(await agents.for(new URL('https://other.example'))).not.toBe(second);
    agents.close();
  });
});

describe('a registry on this machine', () => {
  it('may change from plain HTTP to HTTPS and back', async () => {
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    const client = bed.client({ registries: [{ registry: host, caFile }] });
    for (const make of [createPlainServer, () => createTlsServer(tls), createPlainServer]) {
      const close = await listen(make().on('request', serve), port);
      // The connection of before is found broken, or the other scheme is: the second question at the latest is answered.
      await client.resolve(image({ host }), anyone).catch(() => undefined);
      expect(await client.resolve(image({ host }), anyone)).toMatchObject({ digest: digestOf(bytes) });
      await close();
    }
  });

  it('whose certificate is not trusted is not spoken to plainly', async () => {
    const port = await freePort();
    let requests = 0;
    await listen(
      createTlsServer(tls).on('request', () => (requests += 1)),
      port,
    );
    const { reason, message } = await failureOf(bed.client().resolve(image({ host: `127.0.0.1:${port}` }), anyone));
    expect(reason).toBe('ErrImagePull');
    expect(message).toMatch(/certificate of 127.0.0.1:\d+ is not trusted .*: name its authority in caFile/);
    expect(requests).toBe(0);
  });

  it('that closes connections is unavailable', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    servers.push(server);
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', () => resolve());
    });
    const { reason, message } = await failureOf(bed.client().resolve(image({ host: `127.0.0.1:${port}` }), anyone));
    expect(reason).toBe('RegistryUnavailable');
    expect(message).toMatch(/no connection to 127.0.0.1:\d+: .*: check the network/);
  });

  it('that serves HTTPS gets no plain requests from a client that was told to', async () => {
    const port = await freePort();
    await listen(createTlsServer(tls).on('request', serve), port);
    const access = { ...anyone, plainHttp: true };
    const { message } = await failureOf(bed.client().resolve(image({ host: `127.0.0.1:${port}` }), access));
    expect(message).toMatch(/no connection to|answered 400/);
  });
});
