/** What real kubectl does with the API alone, without a container. */
import { existsSync, mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';

let cluster: KubectlServer;
const running: RunningProgram[] = [];
beforeAll(async () => {
  cluster = await startKubectlServer();
}, 300_000);
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});
afterAll(() => cluster.server.stop());

/** What a command prints; it must succeed. */
async function prints(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await cluster.run(command.split(' '), input);
  expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

/** `kubectl proxy`, once its first line is there. */
async function proxy(...args: string[]): Promise<string> {
  const program = new RunningProgram(cluster.tools.kubectl, ['proxy', ...args], cluster.env);
  running.push(program);
  return until(() => /^Starting to serve on (\S+)/m.exec(program.output)?.[1], {
    what: () => `the proxy to serve: ${program.output}`,
  });
}

/** The body of `/api/` at a proxy. */
function askApi(to: { port: number } | { socketPath: string }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', path: '/api/', agent: false, ...to }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
      response.on('error', reject);
    });
    call.on('error', reject).end();
  });
}

const image = 'registry.example.com/httpd:1';
const imageOf = (pod: string): Promise<string> => prints(`get pod ${pod} -o jsonpath={.spec.containers[0].image}`);

describe('kubectl: without containers', () => {
  it('api-versions names v1', async () => {
    expect((await prints('api-versions')).split('\n')).toContain('v1');
  });

  it('cluster-info says where the control plane is', async () => {
    const text = await prints('cluster-info');
    expect(text).toContain('Kubernetes control plane');
    expect(text).toContain(`is running at`);
    expect(text).toContain(cluster.server.url.replace(/\/$/, ''));
  });

  it('version tells that of the client and that of the server', async () => {
    expect(await prints('version')).toMatch(/^Client Version: v1\.\d+\.\d+\n(.*\n)*Server Version: v1\.\d+\.\d+/);
    const { clientVersion, serverVersion } = JSON.parse(await prints('version -o json'));
    for (const version of [clientVersion, serverVersion]) {
      expect(version).toMatchObject({
        major: '1',
        minor: expect.stringMatching(/^\d+$/),
        gitVersion: expect.any(String),
        gitCommit: expect.any(String),
        buildDate: expect.any(String),
        goVersion: expect.any(String),
        platform: expect.any(String),
      });
    }
  });

  it('diff shows what a Deployment would become', async () => {
    const labels = { app: 'httpd' };
    const manifest = (of: string): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'httpd', labels },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'httpd', image: of }] } },
        },
      });
    await prints('apply -f -', manifest(image));
    const same = await cluster.run(['diff', '-f', '-'], manifest(image));
    expect(same).toMatchObject({ status: 0, stdout: '' });
    const { status, stdout } = await cluster.run(['diff', '-f', '-'], manifest('registry.example.com/httpd:2'));
    expect(status).toBe(1);
    expect(stdout).toMatch(/^-.*httpd:1$/m);
    expect(stdout).toMatch(/^\+.*httpd:2$/m);
    expect(await prints('get deployment httpd -o jsonpath={.spec.template.spec.containers[0].image}')).toBe(image);
  });

  it('run --restart=Never makes a pod of an image', async () => {
    expect(await prints(`run once --image=${image} --restart=Never`)).toBe('pod/once created\n');
    const { spec } = JSON.parse(await prints('get pod once -o json'));
    expect(spec).toMatchObject({ restartPolicy: 'Never', containers: [{ name: 'once', image }] });
  });

  it('replace -f changes the image of a pod', async () => {
    await prints(`run replaced --image=${image} --labels=run=replaced`);
    const pod = await prints('get pod replaced -o json');
    const changed = pod.replaceAll(image, 'registry.example.com/busybox:1');
    expect(await prints('replace -f -', changed)).toBe('pod/replaced replaced\n');
    expect(await imageOf('replaced')).toBe('registry.example.com/busybox:1');
  });

  it('a server-side dry run answers as if, and leaves the object alone', async () => {
    await prints(`run dry --image=${image} --labels=run=dry`);
    const change = { spec: { containers: [{ name: 'dry', image: 'registry.example.com/busybox:1' }] } };
    const args = ['patch', 'pod', 'dry', '-p', JSON.stringify(change), '--dry-run=server', '-o', 'json'];
    const { status, stdout } = await cluster.run(args);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).spec.containers).toMatchObject([{ image: 'registry.example.com/busybox:1' }]);
    expect(await imageOf('dry')).toBe(image);
  });

  it('proxy --port=0 serves at a port that is free', async () => {
    const address = await proxy('--port=0', '--disable-filter');
    expect(await askApi({ port: Number(address.split(':').at(-1)) })).toMatchObject({ versions: ['v1'] });
  });

  it('proxy --unix-socket serves at a socket', async () => {
    const directory = join(cluster.server.kernel.dataDir, 'socket');
    mkdirSync(directory);
    const socketPath = join(directory, 's');
    await proxy(`--unix-socket=${socketPath}`);
    expect(existsSync(socketPath)).toBe(true);
    expect(await askApi({ socketPath })).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
  });
});
