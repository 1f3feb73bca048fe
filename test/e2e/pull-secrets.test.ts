/** Pods whose images lie in a registry that asks who they are, and what events and status tell of their pulls. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { startRegistry, skopeoCopy, writeLayout, type DockerRegistry } from '../support/registry/index.ts';
import { until } from '../support/until.ts';

const auth = { user: 'ada', password: 'lovelace' };

describe('images of a private registry', () => {
  let cluster: TestCluster;
  let registry: DockerRegistry;
  let directory: string;
  /** Of the last image. */
  let digest: string;

  const ok = async (...args: string[]): Promise<string> => (await cluster.mustKubectl(args)).trim();
  const imageOf = (name: string): string => `${registry.host}/${name}`;
  const pod = async (name: string, image: string, spec: object): Promise<void> => {
    const containers = [{ name: 'c', image, imagePullPolicy: 'IfNotPresent', command: ['/none'] }];
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...spec, containers } };
    const result = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    if (result.status !== 0) throw new Error(result.stderr);
  };
  const events = (name: string): Promise<string> =>
    ok('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'jsonpath={.items[*].message}');
  const told = (name: string, text: string): Promise<unknown> =>
    until(async () => (await events(name)).includes(text), { what: `the event "${text}" of ${name}` });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-private-'));
    [cluster, registry] = await Promise.all([TestCluster.start(), startRegistry({ auth })]);
    const toCredentials = `${auth.user}:${auth.password}`;
    for (const name of ['one', 'two']) {
      const layout = join(directory, name);
      const { root } = await writeLayout(layout, 'v1', [{ platform: 'linux/amd64', layers: [{ hello: name }] }]);
      digest = root.digest;
      await skopeoCopy(`oci:${layout}:v1`, `docker://${imageOf(name)}:v1`, { toCredentials });
    }
    const data = join(directory, 'data');
    const layers = [{ 'lower/a': '1', both: 'lower' }, { both: 'upper' }];
    await writeLayout(data, 'v1', [{ platform: 'linux/amd64', layers }]);
    await skopeoCopy(`oci:${data}:v1`, `docker://${imageOf('data')}:v1`, { toCredentials });
    const server = [`--docker-server=${registry.host}`, `--docker-username=${auth.user}`];
    await ok('create', 'secret', 'docker-registry', 'key', ...server, `--docker-password=${auth.password}`);
  }, 60_000);
  afterAll(async () => {
    await cluster.dispose();
    await registry.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  it('are not had without a secret, and had with that of the pod', async () => {
    await pod('stranger', imageOf('one:v1'), {});
    await told('stranger', 'Error: ErrImagePull');
    await pod('known', imageOf('one:v1'), { imagePullSecrets: [{ name: 'key' }, { name: 'lost' }] });
    await told('known', `Successfully pulled image "${imageOf('one:v1')}" in `);
    expect(await events('known')).toContain('Unable to retrieve some image pull secrets (lost);');
    await told('known', 'Container created: c');
    // The image is on the node now, for those who have the key to it.
    await pod('late', imageOf('one:v1'), {});
    await told('late', `Failed to pull image "${imageOf('one:v1')}"`);
    await told('stranger', `Back-off pulling image "${imageOf('one:v1')}"`);
  }, 60_000);

  it('are had with the secret of the service account, and known by their digest', async () => {
    await ok('create', 'serviceaccount', 'robot');
    await ok('patch', 'serviceaccount', 'robot', '-p', '{"imagePullSecrets":[{"name":"key"}]}');
    await pod('robot', imageOf('two:v1'), { serviceAccountName: 'robot' });
    await told('robot', 'Successfully pulled image');
    const id = (): Promise<string> =>
      ok('get', 'pod', 'robot', '-o', 'jsonpath={.status.containerStatuses[0].imageID}');
    await until(async () => (await id()) === `${imageOf('two')}@${digest}`, { what: 'the digest in the status' });
  }, 60_000);

  it('are volumes of pods, read-only, whole or in part', async () => {
    const mount = (mountPath: string, more: object = {}): object => ({ name: 'data', mountPath, ...more });
    const look = `
      const fs = require('node:fs');
      const write = () => { try { fs.writeFileSync('/data/both', 'x'); } catch (error) { return error.code; } };
      console.log(fs.readFileSync('/data/both', 'utf8'), fs.readFileSync('/part/a', 'utf8'), write());
    `;
    const spec = {
      restartPolicy: 'Never',
      imagePullSecrets: [{ name: 'key' }],
      containers: [
        {
          name: 'c',
          image: 'timonel.local/node:host',
          command: ['node', '-e', look],
          volumeMounts: [mount('/data'), mount('/part', { subPath: 'lower' })],
        },
      ],
      volumes: [{ name: 'data', image: { reference: imageOf('data:v1') } }],
    };
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'reader' }, spec };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    await ok('wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=20s', 'pod/reader');
    expect(await ok('logs', 'reader')).toBe('upper 1 EROFS');
    await ok('delete', 'pod', 'reader', '--timeout=20s');
    const isMounted = (): boolean =>
      readFileSync('/proc/self/mountinfo', 'utf8').includes(`${cluster.dataDir}/data/node-agent/pods/`);
    await until(() => !isMounted(), { what: 'the end of the mount' });
  }, 60_000);
});
