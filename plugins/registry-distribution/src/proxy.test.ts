/** Registries behind a proxy, and those that want to know who asks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as send, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { anyone, Bed, blobOf, collect, failureOf, image } from './testing/fake-registry.ts';

const bed = new Bed();
const layer = Buffer.from('a layer');
const blob = blobOf(layer);
const host = 'registry.example:5000';
const env = createRealEnv();
let directory: string;
let caFile: string;
let authority: Awaited<ReturnType<typeof makeAuthority>>;
let tls: { readonly cert: string; readonly key: string };
const closing: Server[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-registry-proxy-'));
  caFile = join(directory, 'ca.crt');
  authority = await makeAuthority(env);
  writeFileSync(caFile, authority.certificatePem);
  const profile = { commonName: 'registry', names: ['registry.example', '127.0.0.1'], usages: ['server' as const] };
  const { certificatePem: cert, keyPem: key } = await issueIdentity(env, authority, profile);
  tls = { cert, key };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const server of closing.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
  await bed.close();
});

async function listening(server: Server): Promise<number> {
  closing.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const secureRegistry = (options: ServerOptions = {}): Promise<number> =>
  listening(createTlsServer({ ...tls, ...options }, (_, response) => response.end(layer)));

/** To which all names are `port` of this machine. */
async function proxyTo(port: number, seen: IncomingMessage[]): Promise<string> {
  const proxy = createServer((request, response) => {
    seen.push(request);
    const { pathname } = new URL(request.url ?? '');
    request.pipe(
      send({ host: '127.0.0.1', port, path: pathname, headers: request.headers }, (answer) => answer.pipe(response)),
    );
  });
  proxy.on('connect', (request: IncomingMessage, client: Socket) => {
    seen.push(request);
    client.on('error', () => undefined);
    if (request.headers['proxy-authorization'] === undefined) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  return `127.0.0.1:${await listening(proxy)}`;
}

describe('a registry behind a proxy', () => {
  it('is reached by HTTPS through it, and its certificate must be trusted', async () => {
    const seen: IncomingMessage[] = [];
    const httpsProxy = `http://ana:secret@${await proxyTo(await secureRegistry(), seen)}`;
    const client = bed.client({ httpsProxy, tries: 1, registries: [{ registry: host, caFile }] });
    expect(await collect(client.blob(image({ host }), blob, anyone))).toEqual(layer);
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([`CONNECT ${host}`]);
    const stranger = bed.client({ httpsProxy, tries: 1 });
    const { message } = await failureOf(collect(stranger.blob(image({ host }), blob, anyone)));
    expect(message).toContain('is not trusted');
  });

  it('is reached by plain HTTP through it with its whole address', async () => {
    const seen: IncomingMessage[] = [];
    const registry = await bed.registry((_, response) => response.end(layer));
    const httpProxy = await proxyTo(Number(registry.host.split(':')[1]), seen);
    const client = bed.client({ httpProxy, insecurePlainHttp: [host], tries: 1 });
    expect(await collect(client.blob(image({ host }), blob, anyone))).toEqual(layer);
    expect(seen.map(({ url, headers }) => [url, headers.host])).toEqual([
      [`http://${host}/v2/team/app/blobs/${blob.digest}`, host],
    ]);
  });

  it('is told as not reached when the proxy refuses or is not there, without what is secret', async () => {
    const proxy = await proxyTo(await secureRegistry(), []);
    const denied = await failureOf(
      collect(bed.client({ httpsProxy: proxy, tries: 1 }).blob(image({ host }), blob, anyone)),
    );
    expect(denied.reason).toBe('RegistryUnavailable');
    expect(denied.message).toContain(`the proxy ${proxy} makes no connection to ${host} (407 `);
    expect(denied.message).toContain('http://USER:PASSWORD@HOST');
    for (const server of closing.splice(0)) server.close();
    const gone = await failureOf(
      collect(bed.client({ httpsProxy: `ana:hidden@${proxy}`, tries: 1 }).blob(image({ host }), blob, anyone)),
    );
    expect(gone.message).toMatch(/no connection to the proxy 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    expect(gone.message).not.toContain('hidden');
  });
});

describe('a registry that wants a certificate', () => {
  it('is shown that of its settings', async () => {
    const { certificatePem, keyPem } = await issueIdentity(env, authority, {
      commonName: 'node-1',
      usages: ['client'],
    });
    const [certFile, keyFile] = [join(directory, 'node.crt'), join(directory, 'node.key')];
    writeFileSync(certFile, certificatePem);
    writeFileSync(keyFile, keyPem);
    const names: string[] = [];
    const server = createTlsServer({ ...tls, ca: authority.certificatePem, requestCert: true }, (request, response) => {
      names.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
      response.end(layer);
    });
    const registry = `127.0.0.1:${await listening(server)}`;
    const settings = { registry, caFile, certFile, keyFile };
    const client = bed.client({ registries: [settings], tries: 1 });
    expect(await collect(client.blob(image({ host: registry }), blob, anyone))).toEqual(layer);
    expect(new Set(names)).toEqual(new Set(['node-1']));
    const wrong = bed.client({ registries: [{ ...settings, keyFile: caFile }], tries: 1 });
    const { message } = await failureOf(collect(wrong.blob(image({ host: registry }), blob, anyone)));
    expect(message).toContain(`certFile ${certFile} cannot be used`);
  });

  it('needs the key of the certificate', () => {
    expect(() => bed.client({ registries: [{ registry: host, certFile: '/c' }] })).toThrow(
      'certFile and keyFile are needed both',
    );
  });
});
