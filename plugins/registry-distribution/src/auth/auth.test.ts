/** Tokens and passwords: who gets which, how often, and what becomes of refusals. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import {
  anyone,
  as,
  Bed,
  digestOf,
  failureOf,
  image,
  ociManifest,
  type FakeRegistry,
} from '../testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

const bytes = JSON.stringify({ mediaType: ociManifest, layers: [] });
const digest = digestOf(bytes);

function serve(response: ServerResponse): void {
  response
    .writeHead(200, { 'content-type': ociManifest, 'docker-content-digest': digest, 'content-length': bytes.length })
    .end(bytes);
}

function refuse(response: ServerResponse, challenge: string): void {
  response
    .writeHead(401, { 'www-authenticate': challenge })
    .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
}

/** Takes tokens that the realm's answer names. */
function tokenRegistry(realm: () => string, good: (token: string) => boolean): Promise<FakeRegistry> {
  return bed.registry((request, response) => {
    const [, token = ''] = /^Bearer (.*)$/.exec(request.headers.authorization ?? '') ?? [];
    if (good(token)) serve(response);
    else refuse(response, `Bearer realm="${realm()}",service="reg.example",scope="repository:other:*"`);
  });
}

type Answer = { readonly status?: number; readonly body: unknown };

async function realmOf(
  answer: (request: IncomingMessage, form: URLSearchParams) => Answer,
): Promise<FakeRegistry & { readonly forms: URLSearchParams[] }> {
  const forms: URLSearchParams[] = [];
  const realm = await bed.registry((request, response) => {
    void text(request).then((body) => {
      const form = new URLSearchParams(body);
      forms.push(form);
      const { status = 200, body: answered } = answer(request, form);
      response.writeHead(status).end(typeof answered === 'string' ? answered : JSON.stringify(answered));
    });
  });
  return { ...realm, requests: realm.requests, forms };
}

describe('tokens', () => {
  it('are fetched as nobody, and kept for each repository', async () => {
    const realm = await realmOf(({ url }) => ({
      body: { token: url?.includes('team%2Fapp') === true ? 'app' : 'other' },
    }));
    const registry = await tokenRegistry(
      () => `http://${realm.host}/token?a=b`,
      (token) => token !== '',
    );
    const client = bed.client();
    for (let round = 0; round < 3; round++) await client.resolve(image(registry), anyone);
    await client.resolve(image(registry, 'latest', 'other'), anyone);
    expect(realm.requests.map(({ url }) => url)).toEqual([
      '/token?a=b&service=reg.example&scope=repository%3Ateam%2Fapp%3Apull',
      '/token?a=b&service=reg.example&scope=repository%3Aother%3Apull',
    ]);
    expect(realm.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('are fetched by password with GET, by identity token with POST', async () => {
    const realm = await realmOf(() => ({ body: { access_token: 'yes', expires_in: 300 } }));
    const registry = await tokenRegistry(
      () => `http://${realm.host}/token`,
      (token) => token === 'yes',
    );
    await bed.client().resolve(image(registry), as({ registry: registry.host, username: 'u', password: 'ü:p' }));
    await bed.client().resolve(image(registry), as({ registry: registry.host, identityToken: 'id' }));
    const [get, post] = realm.requests;
    expect(get).toMatchObject({
      method: 'GET',
      headers: { authorization: `Basic ${Buffer.from('u:ü:p').toString('base64')}` },
    });
    expect(post).toMatchObject({ method: 'POST', url: '/token' });
    expect(Object.fromEntries(realm.forms[1] ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'id',
      client_id: 'timonel',
      service: 'reg.example',
      scope: 'repository:team/app:pull',
    });
  });

  it('of one user are not used for another, nor for nobody', async () => {
    const realm = await realmOf(({ headers }) => ({
      body: { token: headers.authorization === undefined ? 'nobody' : 'somebody' },
    }));
    const registry = await tokenRegistry(
      () => `http://${realm.host}/`,
      (token) => token === 'somebody',
    );
    const client = bed.client();
    await client.resolve(image(registry), as({ registry: registry.host, username: 'u', password: 'p' }));
    expect((await failureOf(client.resolve(image(registry), anyone))).message).toContain('answered 401');
  });

  it('that expire or are refused are fetched again', async () => {
    let issued = 0;
    const realm = await realmOf(() => ({ body: { token: `t${++issued}`, expires_in: issued === 1 ? 0.001 : 3600 } }));
    let valid = 't1';
    const registry = await tokenRegistry(
      () => `http://${realm.host}/`,
      (token) => token === valid,
    );
    const client = bed.client();
    await client.resolve(image(registry), anyone);
    await new Promise((resolve) => void setTimeout(resolve, 2));
    valid = 't2';
    await client.resolve(image(registry), anyone);
    expect(registry.requests).toHaveLength(3); // 401, t1, t2: the old token was not tried
    valid = 't3';
    await client.resolve(image(registry), anyone);
    expect(issued).toBe(3);
  });

  it('given as they are go to the registry at once', async () => {
    const registry = await tokenRegistry(
      () => 'http://127.0.0.1:1/',
      (token) => token === 'ready',
    );
    await bed.client().resolve(image(registry), as({ registry: registry.host, registryToken: 'ready\r\n' }));
    expect(registry.requests.at(-1)?.headers.authorization).toBe('Bearer ready');
  });

  it.each([
    [{ body: '<html>' }, 'something that is not JSON'],
    [{ body: 'null' }, 'answered without a token'],
    [{ body: { token: 7 } }, 'answered without a token'],
    [{ body: { token: 'x\r\ny: z' } }, 'a token that no header can carry'],
    [{ body: { token: 'x'.repeat(20_000) } }, 'a token that no header can carry'],
    [{ body: { token: 'x', filler: 'x'.repeat(300_000) } }, 'the token of 127.0.0.1:\\d+ is larger than 262144 bytes'],
    [
      { status: 401, body: { errors: [{ code: 'DENIED', message: 'wrong' }] } },
      'no token for nobody: .* answered 401 \\(DENIED: wrong\\)',
    ],
    [{ status: 302, body: '' }, 'without a usable address'],
  ])('in answers such as %j are refused', async (answer, found) => {
    const realm = await realmOf(() => answer);
    const registry = await tokenRegistry(
      () => `http://${realm.host}/`,
      () => false,
    );
    const { reason, message } = await failureOf(bed.client().resolve(image(registry), anyone));
    expect(reason).toBe('ErrImagePull');
    expect(message.replaceAll(/x{50,}/g, '')).toMatch(new RegExp(found));
  });

  it.each(['file:///etc/passwd', 'nonsense://x', 'http://u:p@127.0.0.1/'])('are not asked for at %s', async (realm) => {
    const registry = await tokenRegistry(
      () => realm,
      () => false,
    );
    expect((await failureOf(bed.client().resolve(image(registry), anyone))).message).toMatch(/it is not followed/);
  });

  it('are asked for at another host by plain HTTP as nobody only', async () => {
    const registry = await tokenRegistry(
      () => 'http://192.0.2.1/',
      () => false,
    );
    const { message } = await failureOf(
      bed.client().resolve(image(registry), as({ registry: registry.host, username: 'u', password: 'p' })),
    );
    expect(message).toContain(
      'wants credentials to be sent to http://192.0.2.1, without encryption: they are not sent',
    );
    // Nobody is at this address, which is for documentation.
    const asNobody = bed.client({ connectTimeoutMs: 50 }).resolve(image(registry), anyone);
    expect((await failureOf(asNobody)).message).toMatch(/192\.0\.2\.1.* no connection|no connection to 192\.0\.2\.1/);
  });
});

describe('credentials', () => {
  const good = `Basic ${Buffer.from('good:p').toString('base64')}`;
  const guarded = (challenge = 'Basic realm="x"'): Promise<FakeRegistry> =>
    bed.registry((request, response) =>
      request.headers.authorization === good ? serve(response) : refuse(response, challenge),
    );
  const user = (registry: string, username: string): RegistryCredentials => ({ registry, username, password: 'p' });

  it('are tried one after the other, those that worked first the next time', async () => {
    const registry = await guarded();
    const access = as(user(registry.host, 'bad'), user(registry.host, 'good'));
    const client = bed.client();
    await client.resolve(image(registry), access);
    const before = registry.requests.length;
    await client.resolve(image(registry), access);
    expect(registry.requests.length - before).toBe(1);
  });

  it('of other registries are not sent', async () => {
    const registry = await guarded();
    const { message } = await failureOf(
      bed
        .client()
        .resolve(
          image(registry),
          as(user('127.0.0.1', 'good'), user('docker.io', 'good'), user(`${registry.host}/other`, 'good')),
        ),
    );
    expect(message).toMatch(/answered 401.*: give credentials for it \(an image pull secret/);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it('that are refused are named in the message, without what is secret', async () => {
    const registry = await guarded();
    const { reason, message } = await failureOf(
      bed
        .client()
        .resolve(
          image(registry),
          as(
            { ...user(registry.host, 'bad'), password: 'hunter2' },
            { registry: registry.host, registryToken: 'hunter3' },
          ),
        ),
    );
    expect(reason).toBe('ErrImagePull');
    expect(message).toMatch(/\(tried as bad, the holder of a token, nobody\): correct the credentials/);
    expect(message).not.toContain('hunter');
  });

  it('are sent where tokens and passwords are both asked for in odd ways', async () => {
    const registry = await guarded(', Negotiate abc==, basic REALM = "a \\"b\\", Bearer realm=c" , charset=UTF-8');
    await bed.client().resolve(image(registry), as(user(registry.host, 'good')));
  });

  it('are not asked for more than once by a registry that never has enough', async () => {
    const registry = await bed.registry((_, response) => refuse(response, 'Basic realm="more"'));
    await failureOf(bed.client().resolve(image(registry), as(user(registry.host, 'good'))));
    expect(registry.requests.length).toBeLessThan(6);
  });
});
