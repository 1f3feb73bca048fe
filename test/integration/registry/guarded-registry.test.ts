/** Real registries that want passwords, tokens and certificates. */
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import {
  skopeoCopy,
  startRegistry,
  writeLayout,
  type DockerRegistry,
  type WrittenLayout,
} from '../../support/registry/index.ts';
import { anyone, copyImage, named, openClient } from './bed.ts';

let directory: string;
let layout: WrittenLayout;
const env = createRealEnv();
const stops: (() => unknown)[] = [];
const client = openClient();

/** PEM files of a server on 127.0.0.1, and of the authority that signed it. */
async function identity(): Promise<{ caFile: string; certFile: string; keyFile: string }> {
  const authority = await makeAuthority(env);
  const profile = { commonName: 'registry', names: ['127.0.0.1'], usages: ['server' as const] };
  const { certificatePem, keyPem } = await issueIdentity(env, authority, profile);
  const [caFile = '', certFile = '', keyFile = ''] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) =>
    join(directory, name),
  );
  await writeFile(caFile, authority.certificatePem);
  await writeFile(certFile, certificatePem);
  await writeFile(keyFile, keyPem);
  return { caFile, certFile, keyFile };
}

function running(registry: DockerRegistry): DockerRegistry {
  stops.push(() => registry.stop());
  return registry;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-guarded-'));
  layout = await writeLayout(join(directory, 'image'), 'v1', [
    { platform: 'linux/amd64', layers: [{ a: 'a' }, { b: 'b' }] },
  ]);
});

afterAll(async () => {
  client.close();
  for (const stop of stops.reverse()) await stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a registry with passwords', () => {
  const right = { username: 'sailor', password: 'pass:wörd' };
  let registry: DockerRegistry;

  beforeAll(async () => {
    registry = running(await startRegistry({ auth: { user: right.username, password: right.password } }));
    await skopeoCopy(`oci:${join(directory, 'image')}:v1`, `docker://${registry.host}/guarded:v1`, {
      toCredentials: `${right.username}:${right.password}`,
    });
  });

  it('is read and written with the right one', async () => {
    const access = { ...anyone, credentials: [{ registry: registry.host, ...right }] };
    const from = { reference: named(registry.host, 'guarded', 'v1'), access };
    expect(await client.resolve(from.reference, access)).toEqual(layout.root);
    await copyImage(client, from, { reference: named(registry.host, 'again', 'v1'), access });
    expect(await client.resolve(named(registry.host, 'again', 'v1'), access)).toEqual(layout.root);
  });

  it('is read with that of a file of the node', async () => {
    const file = join(directory, 'config.json');
    const auth = Buffer.from(`${right.username}:${right.password}`).toString('base64');
    await writeFile(file, JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const own = openClient({ credentialFiles: [file] });
    expect(await own.resolve(named(registry.host, 'guarded', 'v1'), anyone)).toEqual(layout.root);
    own.close();
  });

  it('refuses none, and a wrong one', async () => {
    const reference = named(registry.host, 'guarded', 'v1');
    await expect(client.resolve(reference, anyone)).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringMatching(/answered 401.*: give credentials for it \(an image pull secret/),
    });
    const credentials = [{ registry: registry.host, username: 'sailor', password: 'wrong' }];
    await expect(client.resolve(reference, { ...anyone, credentials })).rejects.toMatchObject({
      message: expect.stringMatching(/answered 401.*tried as sailor, nobody/),
    });
    await expect(client.pushBlob(reference, layout.root, () => [] as never, anyone)).rejects.toMatchObject({
      reason: 'ErrImagePush',
    });
  });
});

describe('a registry with a certificate', () => {
  it('is read and written when its authority is known, and refused when it is not', async () => {
    const tls = await identity();
    const registry = running(await startRegistry({ tls }));
    await skopeoCopy(`oci:${join(directory, 'image')}:v1`, `docker://${registry.host}/secure:v1`);
    const reference = named(registry.host, 'secure', 'v1');
    const trusting = openClient({ registries: [{ registry: registry.host, caFile: tls.caFile }] });
    expect(await trusting.resolve(reference, anyone)).toEqual(layout.root);
    await copyImage(trusting, { reference }, { reference: named(registry.host, 'again', 'v1') });
    trusting.close();
    await expect(client.resolve(reference, anyone)).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringMatching(
        /certificate of .* is not trusted .*: name its authority in caFile of the registry/,
      ),
    });
    const broken = openClient({ registries: [{ registry: registry.host, caFile: join(directory, 'absent') }] });
    await expect(broken.resolve(reference, anyone)).rejects.toMatchObject({
      message: expect.stringMatching(/caFile .*absent cannot be used \(ENOENT\)/),
    });
    broken.close();
  });
});

describe('a registry with tokens', () => {
  let realm: Server;
  let registry: DockerRegistry;
  const asked: { readonly scopes: readonly string[]; readonly user: string }[] = [];

  /** A token as the distribution's token specification has it: signed, with the certificate of its key. */
  function token(scopes: readonly string[], certificatePem: string, keyPem: string): string {
    const der = new X509Certificate(certificatePem).raw;
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(env.clock.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',') };
    });
    const claims = {
      iss: 'tests',
      sub: '',
      aud: 'registry',
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: 'x',
      access,
    };
    const signed = `${encode({ typ: 'JWT', alg: 'ES256', x5c: [der.toString('base64')] })}.${encode(claims)}`;
    const key = { key: createPrivateKey(keyPem), dsaEncoding: 'ieee-p1363' as const };
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  }

  beforeAll(async () => {
    const { certificatePem, keyPem } = await issueIdentity(env, await makeAuthority(env), {
      commonName: 'tokens',
      usages: ['server'],
    });
    const certFile = join(directory, 'token.crt');
    await writeFile(certFile, certificatePem);
    realm = createServer((request, response) => {
      const scopes = new URL(request.url ?? '', 'http://x').searchParams.getAll('scope');
      const [user = ''] = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64')
        .toString()
        .split(':');
      asked.push({ scopes, user });
      const granted = scopes.filter((scope) => user === 'writer' || scope.endsWith(':pull'));
      response.end(JSON.stringify({ token: token(granted, certificatePem, keyPem), expires_in: 300 }));
    });
    await new Promise<void>((resolve) => {
      realm.listen(0, '127.0.0.1', () => resolve());
    });
    stops.push(() => realm.close());
    const address = `http://127.0.0.1:${(realm.address() as AddressInfo).port}/token`;
    registry = running(
      await startRegistry({ token: { realm: address, service: 'registry', issuer: 'tests', certFile } }),
    );
  });

  it('is written by whoever may, with a token for what is done, and read by all', async () => {
    const credentials = [{ registry: registry.host, username: 'writer', password: 'p' }];
    const access = { ...anyone, credentials };
    const reference = named(registry.host, 'tokens', 'v1');
    const file = (digest: string): string => join(directory, 'image', 'blobs', 'sha256', digest.slice(7));
    const [image] = layout.images;
    if (image === undefined) throw new Error('there is an image');
    for (const blob of [image.config, ...image.layers]) {
      await client.pushBlob(reference, blob, () => createReadStream(file(blob.digest)), access);
    }
    await client.pushManifest(
      reference,
      { ...image.manifest, bytes: await readFile(file(image.manifest.digest)) },
      access,
    );
    expect(asked).toEqual([{ scopes: ['repository:tokens:pull,push'], user: 'writer' }]);
    expect(await client.resolve(reference, anyone)).toEqual(image.manifest);
    expect(asked.at(-1)).toEqual({ scopes: ['repository:tokens:pull'], user: '' });
    const hash = createHash('sha256');
    for (const layer of image.layers)
      for await (const piece of client.blob(reference, layer, anyone)) hash.update(piece);
    expect(asked).toHaveLength(2);
  });

  it('is not written by others', async () => {
    const [image] = layout.images;
    if (image === undefined) throw new Error('there is an image');
    const push = client.pushBlob(named(registry.host, 'others'), image.config, () => [] as never, anyone);
    await expect(push).rejects.toMatchObject({
      reason: 'ErrImagePush',
      message: expect.stringContaining('answered 401'),
    });
  });
});
