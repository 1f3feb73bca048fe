/** The node's own credentials: files as docker's `config.json`, and the helpers they name. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { createRecordingLogger, manualEnv, until, type RecordingLogger } from '@timonel/testkit';
import { configSchema } from '../config.ts';
import { candidatesOf, entryFits } from './candidates.ts';
import { CredentialSources } from './credential-sources.ts';

let directory: string;
let log: RecordingLogger;
const path = process.env['PATH'];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-credentials-'));
  log = createRecordingLogger();
  process.env['PATH'] = `${directory}${delimiter}${path}`;
});

afterEach(async () => {
  process.env['PATH'] = path;
  await rm(directory, { recursive: true, force: true });
});

async function sources(
  content: unknown,
  config: Readonly<Record<string, unknown>> = {},
  env = createRealEnv(),
): Promise<CredentialSources> {
  const file = join(directory, 'config.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return new CredentialSources({ env, log, config: configSchema.parse({ credentialFiles: [file], ...config }) });
}

async function helper(name: string, script: string): Promise<void> {
  const file = join(directory, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a file', () => {
  it('has names with passwords, and tokens', async () => {
    const found = await sources({
      auths: {
        'https://index.docker.io/v1/': { auth: base64('u:p:q') },
        'quay.io/team': { username: 'x', password: 'y' },
        'quay.io': { identitytoken: 'id', auth: base64('<token>:') },
        'gcr.io': { registrytoken: 'rt' },
        'empty.example': {},
        'null.example': null,
      },
    });
    const at = (registry: string, repository = 'a'): Promise<unknown> => found.for(registry, repository, undefined);
    expect(await at('docker.io')).toEqual([
      { registry: 'https://index.docker.io/v1/', username: 'u', password: 'p:q' },
    ]);
    expect(await at('quay.io', 'team/a')).toHaveLength(2);
    expect(await at('quay.io', 'teams/a')).toMatchObject([{ identityToken: 'id' }]);
    expect(await at('gcr.io')).toEqual([{ registry: 'gcr.io', registryToken: 'rt' }]);
    for (const host of ['empty.example', 'null.example', 'other.example']) expect(await at(host)).toEqual([]);
  });

  it('is read again when it changes', async () => {
    const env = manualEnv();
    const found = await sources({ auths: { 'a.example': { username: 'one' } } }, {}, env);
    expect(await found.for('a.example', 'a', undefined)).toMatchObject([{ username: 'one' }]);
    await writeFile(join(directory, 'config.json'), '{"auths":{"a.example":{"username":"second"}}}');
    await env.advance(2000);
    expect(await found.for('a.example', 'a', undefined)).toMatchObject([{ username: 'second' }]);
  });

  it.each([
    ['{"auths": {"a": {"auth": "c2VjcmV0"', 'it is not JSON'],
    [{ auths: { a: { auth: 7 } } }, 'auths.a.auth: '],
    [' '.repeat(1024 * 1024 + 1), 'is larger than 1048576 bytes'],
  ])('that cannot be used (%#) counts as empty, with one complaint', async (content, text) => {
    const env = manualEnv();
    const found = await sources(content, {}, env);
    for (let round = 0; round < 3; round++) {
      expect(await found.for('a', 'a', undefined)).toEqual([]);
      await env.advance(2000);
    }
    expect(log.lines).toHaveLength(1);
    expect(String(log.lines[0]?.fields['error'])).toContain(text);
    expect(JSON.stringify(log.lines)).not.toContain('c2VjcmV0');
  });

  it('that is not there counts as empty', async () => {
    const config = configSchema.parse({ credentialFiles: [join(directory, 'absent.json')] });
    expect(await new CredentialSources({ env: createRealEnv(), log, config }).for('a', 'a', undefined)).toEqual([]);
    expect(log.lines[0]?.fields['error']).toBe('ENOENT');
  });
});

describe('a helper', () => {
  it('is asked for the registry, once a minute', async () => {
    await helper(
      'good',
      `read server; echo "$1 $server" >>"${directory}/asked"; echo '{"ServerURL":"x","Username":"u","Secret":"s"}'`,
    );
    const env = manualEnv();
    const found = await sources({ credHelpers: { 'a.example': 'good' }, credsStore: 'good' }, {}, env);
    expect(await found.for('a.example', 'a', undefined)).toEqual([
      { registry: 'a.example', username: 'u', password: 's' },
    ]);
    await found.for('a.example', 'b', undefined);
    expect(await found.for('docker.io', 'b', undefined)).toHaveLength(1);
    await env.advance(61_000);
    await found.for('a.example', 'a', undefined);
    expect(await readFile(join(directory, 'asked'), 'utf8')).toBe(
      'get a.example\nget https://index.docker.io/v1/\nget a.example\n',
    );
  });

  it('may answer with an identity token', async () => {
    await helper('token', `echo '{"Username":"<token>","Secret":"s"}'`);
    const found = await sources({ credsStore: 'token' });
    expect(await found.for('a.example', 'a', undefined)).toEqual([{ registry: 'a.example', identityToken: 's' }]);
  });

  it('that knows none is no failure', async () => {
    await helper('none', `echo 'credentials not found in native keychain'; exit 1`);
    const found = await sources({ credsStore: 'none' });
    expect(await found.for('a.example', 'a', undefined)).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it.each([
    ['endless', 'cat /dev/zero', 'printed more than 65536 bytes'],
    ['garbage', 'echo "<html>"', 'something that is not JSON'],
    ['empty', 'echo null', 'printed no Username and Secret'],
    ['failing', 'echo no luck; exit 3', 'ended with status 3: no luck'],
    ['../../bin/sh', '', 'not the name of a credential helper'],
    ['absent', '', 'cannot be run'],
  ])('that is %s is complained about, and has none', async (name, script, text) => {
    if (script !== '') await helper(name, script);
    const found = await sources({ credsStore: name, auths: { 'a.example': { username: 'u' } } });
    expect(await found.for('a.example', 'a', undefined)).toMatchObject([{ username: 'u' }]);
    expect(String(log.lines[0]?.fields['error'])).toContain(text);
  });

  it('that failed is asked again soon', async () => {
    await helper('late', `test -e "${directory}/ready" || exit 1; echo '{"Username":"u","Secret":"s"}'`);
    const env = manualEnv();
    const found = await sources({ credsStore: 'late' }, {}, env);
    expect(await found.for('a.example', 'a', undefined)).toEqual([]);
    await writeFile(join(directory, 'ready'), '');
    expect(await found.for('a.example', 'a', undefined)).toEqual([]);
    await env.advance(6000);
    expect(await found.for('a.example', 'a', undefined)).toHaveLength(1);
  });

  it('that does not end is ended, with what it started', async () => {
    await helper('slow', `sleep 1000 & echo $! >"${directory}/pid"; wait`);
    const found = await sources({ credsStore: 'slow' }, { helperTimeoutMs: 300 });
    expect(await found.for('a.example', 'a', undefined)).toEqual([]);
    expect(String(log.lines[0]?.fields['error'])).toContain('took longer than 300 ms');
    const pid = Number(await readFile(join(directory, 'pid'), 'utf8'));
    const state = async (): Promise<string> => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone');
    await until(async () => /gone|\) Z /.test(await state()), { what: 'what the helper started to end' });
  });
});

describe('what is closed', () => {
  it('ends the helpers that run', async () => {
    await helper('slow', `sleep 1000 & echo $! >"${directory}/pid"; wait`);
    const found = await sources({ credsStore: 'slow' });
    const asked = found.for('a.example', 'a', undefined);
    const pid = await until(async () => Number(await readFile(join(directory, 'pid'), 'utf8')), { what: 'the helper' });
    found.close();
    expect(await asked).toEqual([]);
    const state = async (): Promise<string> => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone');
    await until(async () => /gone|\) Z /.test(await state()), { what: 'what the helper started to end' });
  });
});

describe('entries', () => {
  it.each([
    ['docker.io', 'docker.io', 'library/nginx', true],
    ['https://index.docker.io/v1/', 'docker.io', 'library/nginx', true],
    ['registry-1.docker.io', 'docker.io', 'a', true],
    ['https://index.docker.io/v1/', 'docker.io.evil', 'a', false],
    ['A.Example', 'a.example', 'a', true],
    ['a.example', 'a.example:5000', 'a', false],
    ['a.example:5000', 'a.example:5000', 'a', true],
    ['a.example/b', 'a.example', 'b', true],
    ['a.example/b/', 'a.example', 'b/c', true],
    ['a.example/b', 'a.example', 'bc', false],
    ['*.example', 'a.example', 'b', true],
    ['*.example', 'a.b.example', 'b', false],
    ['*.example:5000', 'a.example:5000', 'b', true],
    ['a*b*c.example', 'axxbyyc.example', 'b', true],
    ['a*b*b.example', 'ab.example', 'b', false],
    ['*', 'docker.io', 'b', false],
    ['', 'docker.io', 'b', false],
  ])('%j is for %s/%s: %s', (entry, registry, repository, fits) =>
    expect(entryFits(entry, registry, repository)).toBe(fits),
  );

  it('of longer paths come first, and nobody comes last; doubles go, and so do those beyond a bound', () => {
    const all = ['q.io', 'q.io/team', 'q.io/team/app', 'q.io'].map((registry) => ({ registry, username: registry }));
    const order = candidatesOf(all, 'q.io', 'team/app').map(({ credentials }) => credentials?.registry);
    expect(order).toEqual(['q.io/team/app', 'q.io/team', 'q.io', undefined]);
    const many = Array.from({ length: 100 }, (_, at) => ({ registry: 'q.io', username: `${at}` }));
    expect(candidatesOf(many, 'q.io', 'a')).toHaveLength(17);
  });
});
