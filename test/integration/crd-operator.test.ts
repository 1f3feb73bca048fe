/** An operator that is written with the official client library: ../support/client-node-operator.ts. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import admissionWebhooks from '@timonel/plugin-admission-webhooks';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerGc from '@timonel/plugin-controller-gc';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/crds.ts';

const support = join(import.meta.dirname, '..', 'support');
const execArgv = ['--import', join(support, 'newer-node.mjs'), '--import', 'tsx'];
const path = '/apis/operator.example.com/v1/namespaces/default/buoys';
const configMap = '/api/v1/namespaces/default/configmaps/a';
let server: TestApiServer;
let operator: ChildProcess;
let errors = '';

/** A directory with a certificate for webhooks on loopback. */
async function certificates(directory: string): Promise<string> {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const input = { commonName: 'buoys', names: ['127.0.0.1'], usages: ['server'] } as const;
  const identity = await issueIdentity(env, authority, input);
  mkdirSync(directory);
  const files = { 'tls.key': identity.keyPem, 'tls.crt': identity.certificatePem, 'ca.crt': authority.certificatePem };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
  return directory;
}

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, controllerGc, admissionWebhooks] });
  const keys = await certificates(join(server.kernel.dataDir, 'webhook-keys'));
  operator = fork(join(support, 'client-node-operator.ts'), [server.kubeconfig, keys], { execArgv, silent: true });
  operator.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
}, 60_000);
afterAll(async () => {
  operator?.kill('SIGKILL');
  await server?.stop();
});

const other = path.replace('/v1/', '/v2/');
const merge = 'application/merge-patch+json';
const create = (to: string, name: string, spec: object): Promise<Answer> =>
  server.send('POST', to, { body: { metadata: { name }, spec } });

it('an operator serves two versions, mutates, validates, follows, holds, writes the status of and lets go the objects of its kind', async () => {
  await new Promise<void>((resolve, reject) => {
    operator.once('message', () => resolve());
    operator.once('close', () => reject(new Error(errors)));
  });
  await eventually('the webhooks are in force', async () =>
    expect((await create(`${path}?dryRun=All`, 'deep', { depth: 101 })).body.message).toContain('no chain is longer'),
  );
  const refused = await create(path, 'flat', { depth: 0 });
  expect(refused).toMatchObject({ status: 422, body: { message: expect.stringContaining('spec.depth') } });
  expect((await create(other, 'deep', { sounding: '60 fathoms' })).body).toMatchObject({
    code: 422,
    message: `admission webhook "validate.operator.example.com" denied the request: no chain is longer than 100 m`,
  });

  expect((await create(other, 'a', { sounding: '7 m' })).body.spec).toEqual({ sounding: '7 m', colour: 'red' });
  await eventually('the operator has seen it', async () => {
    const { body } = await server.send('GET', `${path}/a`);
    expect(body).toMatchObject({
      metadata: { finalizers: ['operator.example.com/held'] },
      spec: { depth: 7, colour: 'red' },
      status: { floats: true },
    });
  });
  expect((await server.send('GET', configMap)).body.data).toEqual({ depth: '7', colour: 'red' });

  const changed = await server.send('PATCH', `${other}/a`, { type: merge, body: { spec: { sounding: '8 m' } } });
  expect(changed.body).toMatchObject({ apiVersion: 'operator.example.com/v2', status: { floats: true } });
  const listed = await server.send('GET', path);
  expect(listed.body.items).toMatchObject([{ apiVersion: 'operator.example.com/v1', spec: { depth: 8 } }]);
  await eventually('the operator has seen that too', async () =>
    expect((await server.send('GET', configMap)).body.data).toEqual({ depth: '8', colour: 'red' }),
  );
  const status = await server.send('PATCH', `${other}/a/status`, { type: merge, body: { spec: { colour: 'green' } } });
  expect(status.body.spec.colour).toBe('red');

  await server.send('DELETE', `${path}/a`);
  await eventually('all is gone', async () => {
    expect((await server.send('GET', `${other}/a`)).status).toBe(404);
    expect((await server.send('GET', configMap)).status).toBe(404);
  });
  const ended = new Promise((resolve) => operator.once('close', resolve));
  operator.send('end');
  expect(await ended).toBe(0);
  expect(errors).toBe('');
}, 60_000);
