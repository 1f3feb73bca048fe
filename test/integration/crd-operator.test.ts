/** An operator that is written with the official client library: ../support/client-node-operator.ts. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerGc from '@timonel/plugin-controller-gc';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/crds.ts';

const support = join(import.meta.dirname, '..', 'support');
const execArgv = ['--import', join(support, 'newer-node.mjs'), '--import', 'tsx'];
const path = '/apis/operator.example.com/v1/namespaces/default/buoys';
const configMap = '/api/v1/namespaces/default/configmaps/a';
let server: TestApiServer;
let operator: ChildProcess;
let errors = '';

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, controllerGc] });
  operator = fork(join(support, 'client-node-operator.ts'), [server.kubeconfig], { execArgv, silent: true });
  operator.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
}, 60_000);
afterAll(async () => {
  operator.kill('SIGKILL');
  await server.stop();
});

it('an operator follows, holds, writes the status of and lets go the objects of its kind', async () => {
  await new Promise<void>((resolve, reject) => {
    operator.once('message', () => resolve());
    operator.once('close', () => reject(new Error(errors)));
  });
  expect((await server.send('POST', path, { body: { metadata: { name: 'a' }, spec: { depth: 0 } } })).status).toBe(422);
  expect((await server.send('POST', path, { body: { metadata: { name: 'a' }, spec: { depth: 7 } } })).status).toBe(201);
  await eventually('the operator has seen it', async () => {
    const { body } = await server.send('GET', `${path}/a`);
    expect(body).toMatchObject({ metadata: { finalizers: ['operator.example.com/held'] }, status: { floats: true } });
  });
  expect((await server.send('GET', configMap)).body.data).toEqual({ depth: '7' });
  await server.send('DELETE', `${path}/a`);
  await eventually('all is gone', async () => {
    expect((await server.send('GET', `${path}/a`)).status).toBe(404);
    expect((await server.send('GET', configMap)).status).toBe(404);
  });
  const ended = new Promise((resolve) => operator.once('close', resolve));
  operator.send('end');
  expect(await ended).toBe(0);
  expect(errors).toBe('');
}, 60_000);
