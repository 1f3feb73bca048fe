/** Sessions of real kubectl: over WebSocket, and over SPDY as it falls back to it. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pods } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { ProcessNode } from '../support/process-node.ts';

const node = new ProcessNode('n1');
const timeout = 30_000;
let server: TestApiServer;
let kubectl = '';

beforeAll(async () => {
  ({ kubectl } = await kubernetesTools());
  server = await startApiServer({ plugins: [node.plugin()] });
  const pod = await node.addPod(server.api);
  const status = {
    name: 'app',
    ready: true,
    restartCount: 0,
    image: 'i',
    imageID: '',
    state: { running: {} },
    lastState: {},
  };
  await server.api.updateStatus(pods, { ...pod, status: { phase: 'Running', containerStatuses: [status] } });
});
afterAll(async () => {
  node.stop();
  await server?.stop();
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.each([
  ['WebSocket', {}],
  ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
])('kubectl over %s', (_name, environment) => {
  const run = (args: readonly string[], input: string | Buffer = ''): Promise<Result> =>
    new Promise((resolve) => {
      const options = { env: { ...process.env, ...environment }, timeout, maxBuffer: 1 << 28 };
      const child = execFile(
        kubectl,
        ['--kubeconfig', server.kubeconfig, ...args],
        options,
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        },
      );
      child.stdin?.on('error', () => undefined).end(input);
    });

  it('shows output and errors of a command, and has its exit code', async () => {
    expect(await run(['exec', 'a', '--', 'echo', 'hi'])).toEqual({ code: 0, stdout: 'hi\n', stderr: '' });
    const failed = await run(['exec', 'a', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(failed).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\ncommand terminated with exit code 3\n' });
  });

  it('pipes stdin to a command, much of it too', async () => {
    expect(await run(['exec', '-i', 'a', '--', 'cat'], 'text\n')).toMatchObject({ code: 0, stdout: 'text\n' });
    const counted = await run(['exec', '-i', 'a', '--', 'wc', '-c'], Buffer.alloc(10_000_000));
    expect(counted).toMatchObject({ code: 0, stdout: '10000000\n' });
    const made = await run(['exec', 'a', '--', 'head', '-c', '10000000', '/dev/zero']);
    expect([made.code, made.stdout.length]).toEqual([0, 10_000_000]);
  });

  it('attaches', async () => {
    node.attached = ['sed', 's/^/got /'];
    expect(await run(['attach', '-i', 'a'], 'this\n')).toMatchObject({ code: 0, stdout: 'got this\n' });
  });

  it('copies files both ways', async () => {
    const directory = server.kernel.dataDir;
    const [from, there, back] = ['from', 'there', 'back'].map((name) => `${directory}/${name}${_name}`);
    const { readFileSync, writeFileSync } = await import('node:fs');
    writeFileSync(from ?? '', Buffer.alloc(3_000_000, 'copy '));
    expect(await run(['cp', from ?? '', `a:${there}`])).toMatchObject({ code: 0 });
    expect(await run(['cp', `a:${there}`, back ?? ''])).toMatchObject({ code: 0 });
    expect(readFileSync(back ?? '').equals(readFileSync(from ?? ''))).toBe(true);
  });

  it('says what the server refuses', async () => {
    expect((await run(['exec', 'a', '-c', 'x', '--', 'ls'])).stderr).toContain('container x is not valid for pod a');
    expect((await run(['exec', 'a', '--', '/no/such'])).stderr).toContain('cannot run /no/such');
  });

  it('leaves nothing behind', async () => {
    await until(() => node.processes.size === 0, { what: 'all processes to be gone' });
  });
});
