import { describe, expect, it } from '@jest/globals';
import { configSchema } from '../config.ts';
import { Endpoints } from './endpoints.ts';

const named = (registry: string): Parameters<Endpoints['own']>[0] => ({
  registry,
  repository: 'a',
  tag: 'b',
  digest: '',
});

describe('the registry itself', () => {
  const endpoints = new Endpoints(configSchema.parse({ insecurePlainHttp: ['10.0.0.5:5000', 'plain.example:80'] }));

  it.each([
    ['docker.io', 'https', 'registry-1.docker.io'],
    ['quay.io', 'https', 'quay.io'],
    ['quay.io:443', 'https', 'quay.io'],
    ['10.0.0.6:5000', 'https', '10.0.0.6:5000'],
    ['10.0.0.5:5000', 'http', '10.0.0.5:5000'],
    ['plain.example', 'http', 'plain.example'],
    ['localhost', 'either', 'localhost'],
    ['localhost:5000', 'either', 'localhost:5000'],
    ['127.8.9.1:5000', 'either', '127.8.9.1:5000'],
    ['[::1]:5000', 'either', '[::1]:5000'],
    ['localhost.example.com', 'https', 'localhost.example.com'],
  ])('%s is spoken to by %s at %s', (registry, scheme, authority) =>
    expect(endpoints.own(named(registry), false)).toMatchObject({
      registry,
      scheme,
      authority,
      prefix: '',
      mirrorOf: '',
    }),
  );

  it('is spoken to plainly when the caller says so, and only then may secrets go there', () => {
    expect(endpoints.own(named('quay.io'), true)).toMatchObject({ scheme: 'http' });
    expect([...endpoints.plainHosts(named('quay.io'), true)]).toEqual(['10.0.0.5:5000', 'plain.example', 'quay.io']);
    expect([...endpoints.plainHosts(named('quay.io'), false)]).toEqual(['10.0.0.5:5000', 'plain.example']);
  });
});

describe('the configuration', () => {
  it.each([
    { mirrors: [{ registry: 'docker.io', endpoints: ['127.0.0.1:5000'] }] },
    { mirrors: [{ registry: 'docker.io', endpoints: ['ftp://m'] }] },
    { mirrors: [{ registry: 'docker.io', endpoints: ['http://u:p@m'] }] },
    { mirrors: [{ registry: 'docker.io', endpoints: ['http://m/?q'] }] },
    { mirrors: [{ registry: 'docker.io', endpoints: [] }] },
    { mirrors: [{ registry: 'https://docker.io', endpoints: ['http://m'] }] },
    { insecurePlainHttp: ['http://a'] },
    { insecurePlainHttp: ['*'] },
    { unknown: 1 },
  ])('%j is refused', (config) => expect(configSchema['~standard'].validate(config)).toHaveProperty('issues'));
});
