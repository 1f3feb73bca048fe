import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PullProgress } from '@timonel/sdk/contracts/images';
import { imageCandidates } from './complete.ts';
import { dockerConfigPath, registryOf, storedCredentials } from './docker-config.ts';
import { barLine, progressView } from './progress-lines.ts';

describe('credentials of docker login', () => {
  let directory: string;
  let file: string;
  const path = process.env['PATH'];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'timonel-login-'));
    file = join(directory, 'config.json');
  });
  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(directory, { recursive: true, force: true });
  });
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  const write = (value: unknown): void => writeFileSync(file, JSON.stringify(value));

  it.each([
    ['nginx', 'docker.io'],
    ['user/app:1', 'docker.io'],
    ['index.docker.io/user/app', 'docker.io'],
    ['localhost/app', 'localhost'],
    ['localhost:5000/a/b', 'localhost:5000'],
    ['registry.example/a', 'registry.example'],
  ])('the registry of %s is %s', (reference, registry) => {
    expect(registryOf(reference)).toBe(registry);
  });

  it('takes those of the registry, the longer path first, and no others', () => {
    write({
      auths: {
        'registry.example': auth('host:secret:with:colons'),
        'https://registry.example/shop': auth('shop:s'),
        'other.example': auth('other:o'),
        'empty.example': {},
      },
    });
    expect(storedCredentials('registry.example/shop/web:1', file)).toEqual([
      { registry: 'registry.example/shop', username: 'shop', password: 's' },
      { registry: 'registry.example', username: 'host', password: 'secret:with:colons' },
    ]);
    for (const reference of ['registry.example2/a', 'empty.example/a', 'nginx']) {
      expect(storedCredentials(reference, file)).toEqual([]);
    }
  });

  it('knows Docker Hub by its old address, and identity tokens', () => {
    write({ auths: { 'https://index.docker.io/v1/': { ...auth('me:'), identitytoken: 'refresh' } } });
    expect(storedCredentials('nginx', file)).toEqual([
      { registry: 'docker.io', username: 'me', password: '', identityToken: 'refresh' },
    ]);
  });

  it('asks the helper of the registry, and takes the file when it knows nothing', () => {
    const helper = join(directory, 'docker-credential-test');
    const answer = '{"ServerURL":"x","Username":"helped","Secret":"h"}';
    writeFileSync(helper, `#!/bin/sh\nread server\ntest "$server" = registry.example && echo '${answer}'\n`);
    chmodSync(helper, 0o755);
    process.env['PATH'] = `${directory}:${path}`;
    write({ credHelpers: { 'registry.example': 'test', 'b.example': 'test' }, auths: { 'b.example': auth('file:f') } });
    expect(storedCredentials('registry.example/a', file)).toEqual([
      { registry: 'registry.example', username: 'helped', password: 'h' },
    ]);
    expect(storedCredentials('b.example/a', file)).toEqual([
      { registry: 'b.example', username: 'file', password: 'f' },
    ]);
    write({ credHelpers: { 'registry.example': '../../bin/sh' } });
    expect(storedCredentials('registry.example/a', file)).toEqual([]);
  });

  it('needs no file, and says when it is damaged', () => {
    expect(storedCredentials('nginx', file)).toEqual([]);
    writeFileSync(file, '{');
    expect(() => storedCredentials('nginx', file)).toThrow(/config\.json cannot be read.*log in again/);
    expect(dockerConfigPath({ DOCKER_CONFIG: '/else' })).toBe('/else/config.json');
  });
});

describe('completion', () => {
  const read = async (): Promise<readonly string[]> => ['docker.io/library/web:1', 'localhost:5000/web:1'];

  it.each([
    [['image', 'rm', 'local'], ['localhost:5000/web:1']],
    [
      ['image', 'inspect', ''],
      ['docker.io/library/web:1', 'localhost:5000/web:1'],
    ],
    [['image', 'export', 'file.tar', 'docker'], ['docker.io/library/web:1']],
    [['image', 'export', ''], []],
    [['image', 'rm', '--data-dir', ''], []],
    [['image', 'rm', '-'], []],
    [['image', 'rm'], []],
    [['image', 'pull', ''], []],
    [['plugin', 'rm', ''], []],
  ])('%j may go on with %j', async (words, expected) => {
    expect(await imageCandidates(words, read)).toEqual(expected);
  });

  it('is nothing without a cluster', async () => {
    expect(await imageCandidates(['image', 'rm', '--data-dir', '/absent', ''])).toEqual([]);
  });
});

describe('progress', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  const layer = (state: PullProgress['layers'][number]['state'], doneBytes: number) => ({
    digest,
    doneBytes,
    totalBytes: 2_000_000,
    state,
  });
  const progress = (...layers: PullProgress['layers']): PullProgress => ({ phase: 'downloading', layers });

  function screen(isTTY: boolean): { text: string; isTTY: boolean; columns: number; write(text: string): void } {
    return {
      text: '',
      isTTY,
      columns: 80,
      write(text) {
        this.text += text;
      },
    };
  }

  it('is a line for each change of a layer where there is no terminal', () => {
    const out = screen(false);
    const view = progressView(out);
    for (const done of [0, 1, 2]) view.show(progress(layer('downloading', done), layer('waiting', 0)));
    view.show(progress(layer('done', 2_000_000), layer('present', 0)));
    expect(out.text).toBe(
      'abababababab: downloading (2.0 MB)\nabababababab: done (2.0 MB)\nabababababab: already there (2.0 MB)\n',
    );
  });

  it('is a bar for each layer on a terminal, drawn over the former', () => {
    const out = screen(true);
    const view = progressView(out);
    view.show(progress(layer('downloading', 0), layer('waiting', 0)));
    expect(out.text.split('\n')).toHaveLength(3);
    view.show(progress(layer('downloading', 1_000_000), layer('waiting', 0)));
    expect(out.text).toContain('\x1b[2A');
    expect(barLine(layer('downloading', 1_000_000), 'downloading', 80)).toMatch(
      /^abababababab {2}\[=+> +\] {2} +1\.0 MB \/ 2\.0 MB {2}downloading$/,
    );
  });

  it('fits the terminal, however narrow, and calls what is sent an upload', () => {
    for (const width of [1, 20, 40, 60, 200]) {
      expect(barLine(layer('downloading', 5), 'uploading', width).length).toBeLessThan(Math.max(width, 2));
    }
    expect(barLine(layer('downloading', 5), 'uploading', 80)).toMatch(/uploading$/);
  });
});
