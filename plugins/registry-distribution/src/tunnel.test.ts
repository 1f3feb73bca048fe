/** Registries that are reached through another process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { TunnelServer } from '@timonel/sdk/tunnel';
import { anyone, Bed, blobOf, collect, failureOf, image } from './testing/fake-registry.ts';

const bed = new Bed();
const layer = Buffer.from('a layer');
const blob = blobOf(layer);
let directory: string;
let tunnel: TunnelServer;
let tunnelSocket: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-registry-tunnel-'));
  tunnelSocket = join(directory, 'tunnel.sock');
  tunnel = new TunnelServer();
  await tunnel.listen(tunnelSocket);
});

afterEach(async () => {
  tunnel.close();
  await bed.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('a registry behind a tunnel', () => {
  it('gives its blobs, and is not reached without the tunnel', async () => {
    const registry = await bed.registry((_, response) => response.end(layer));
    const client = bed.client({ tunnelSocket, tries: 1 });
    expect(await collect(client.blob(image(registry), blob, anyone))).toEqual(layer);
    tunnel.close();
    const { reason } = await failureOf(
      collect(bed.client({ tunnelSocket, tries: 1 }).blob(image(registry), blob, anyone)),
    );
    expect(reason).toBe('RegistryUnavailable');
  });

  it('that cannot be reached is told as without one', async () => {
    const registry = await bed.registry((_, response) => response.end(layer));
    await bed.close();
    const { message } = await failureOf(
      collect(bed.client({ tunnelSocket, tries: 1 }).blob(image(registry), blob, anyone)),
    );
    expect(message).toMatch(/ECONNREFUSED.*check that the registry runs/);
  });

  it('is spoken to by TLS, and its certificate must be trusted', async () => {
    const env = createRealEnv();
    const authority = await makeAuthority(env);
    const caFile = join(directory, 'ca.crt');
    writeFileSync(caFile, authority.certificatePem);
    const profile = { commonName: 'registry', names: ['127.0.0.1'], usages: ['server' as const] };
    const { certificatePem: cert, keyPem: key } = await issueIdentity(env, authority, profile);
    const server = createTlsServer({ cert, key }, (_, response) => response.end(layer));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const common = { tunnelSocket, tries: 1 };
    try {
      const client = bed.client({ ...common, registries: [{ registry: host, caFile }] });
      expect(await collect(client.blob(image({ host }), blob, anyone))).toEqual(layer);
      const { message } = await failureOf(collect(bed.client(common).blob(image({ host }), blob, anyone)));
      expect(message).toContain('is not trusted');
    } finally {
      server.close();
    }
  });
});
