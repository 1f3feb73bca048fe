import { describe, expect, it } from '@jest/globals';
import { goDuration } from './go-duration.ts';
import { pullCredentials } from './pull-secrets.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const configJson = (value: unknown) => ({
  metadata: {},
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': base64(JSON.stringify(value)) },
});

describe('credentials of registries', () => {
  it('are read from both types of secrets', () => {
    const auths = {
      'https://index.docker.io/v1/': { auth: base64('me:a:b') },
      'localhost:5000': { username: 'u', password: 'p' },
      'quay.io/team': { identitytoken: 'refresh' },
      'ghcr.io': { registrytoken: 'bearer' },
    };
    expect(pullCredentials(configJson({ auths, HttpHeaders: {} }))).toEqual([
      { registry: 'docker.io', username: 'me', password: 'a:b' },
      { registry: 'localhost:5000', username: 'u', password: 'p' },
      { registry: 'quay.io/team', identityToken: 'refresh' },
      { registry: 'ghcr.io', registryToken: 'bearer' },
    ]);
    const data = { '.dockercfg': base64(JSON.stringify({ 'r.example': { auth: base64('x:y') } })) };
    expect(pullCredentials({ metadata: {}, type: 'kubernetes.io/dockercfg', data })).toEqual([
      { registry: 'r.example', username: 'x', password: 'y' },
    ]);
  });

  it.each([
    [{ metadata: {}, type: 'Opaque', data: {} }, 'its type is Opaque'],
    [{ ...configJson({}), data: {} }, 'it is no JSON'],
    [configJson([]), 'it is no object'],
    [configJson({ auths: 'x' }), 'auths is no object'],
    [configJson({ auths: { a: 1 } }), 'the entry of "a" is no object'],
    [configJson({ auths: { a: { auth: base64('topsecret') } } }), 'auth is not the base64 of user:password'],
  ])('that are none say why, without what is secret: %j', (secret, message) => {
    expect(() => pullCredentials(secret)).toThrow(message);
    expect(() => pullCredentials(secret)).not.toThrow('topsecret');
  });

  it('are none where a registry needs none', () => expect(pullCredentials(configJson({}))).toEqual([]));
});

describe('durations', () => {
  it.each([
    [0, '0s'],
    [345.9, '345ms'],
    [1200, '1.2s'],
    [62_500, '1m2.5s'],
    [3_605_000, '1h0m5s'],
  ])('%d ms are %s', (milliseconds, text) => expect(goDuration(milliseconds)).toBe(text));
});
