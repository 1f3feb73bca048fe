/** Sessions, forwarded ports and proxies of a real cluster, by real kubectl: what goes beyond using each verb once. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { digest, exchange } from '../support/port-exchange.ts';
import { TestCluster, runProgram, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(90_000);

const image = 'timonel.local/node:host';
/** Sends back what it gets on 7000; says what it was asked on 8080. */
const program = `
require('net').createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket)).listen(7000);
require('http').createServer((request, answer) => answer.end(request.method + ' ' + request.url)).listen(8080);
console.log('listening');`;
const manifest = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'web', image, command: ['node', '-e', program], ports: [{ containerPort: 8080 }] }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
  ],
});

let before: readonly string[];
let cluster: TestCluster;
let kubectl = '';
const running: RunningProgram[] = [];

const run = (args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<RunResult> =>
  cluster.kubectl(args, options);

async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(args);
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
  const started = new RunningProgram(command, args, { KUBECONFIG: cluster.kubeconfig, ...env });
  running.push(started);
  return started;
}

beforeAll(async () => {
  ({ kubectl } = await kubernetesTools());
  before = traces();
  cluster = await TestCluster.start();
  await run(['apply', '-f', '-'], { input: manifest });
  await ok('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
}, 360_000);
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await cluster?.dispose();
  expect(newTraces(before)).toEqual([]);
}, 90_000);

/** In a terminal of its own, whose name it says first. */
function inTerminal(command: string): RunningProgram {
  return start('script', ['-qfec', `tty; stty cols 91 rows 33; ${command}`, '/dev/null']);
}

describe.each([
  ['WebSocket', {}],
  ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
])('kubectl exec over %s', (_name, env) => {
  it('has output, errors and the exit code of the command', async () => {
    const args = ['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 5'];
    expect(await run(args, { env })).toEqual({
      status: 5,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 5\n',
    });
  });

  it('pipes stdin in and stdout out, much of it too', async () => {
    const input = 'line of text\n'.repeat(400_000);
    const { status, stdout } = await run(['exec', '-i', 'web', '--', 'cat'], { env, input });
    expect([status, stdout.length, stdout === input]).toEqual([0, input.length, true]);
  });
});

describe('a terminal', () => {
  it('has the size of the one of the user, and follows it', async () => {
    const size = `console.log(process.stdout.columns + 'x' + process.stdout.rows)`;
    const follow = `const say = () => ${size}; say(); process.stdout.on('resize', say); process.stdin.on('data', (d) => { if (String(d).includes('q')) process.exit(6); })`;
    const terminal = inTerminal(`${kubectl} exec -it web -- node -e "${follow}"`);
    await until(() => terminal.output.includes('91x33'), { what: () => `the first size: ${terminal.output}` });
    const device = /\/dev\/pts\/\d+/.exec(terminal.output)?.[0] ?? '';
    expect(await runProgram('stty', ['-F', device, 'cols', '77', 'rows', '22'])).toMatchObject({ status: 0 });
    await until(() => terminal.output.includes('77x22'), { what: () => `the second size: ${terminal.output}` });
    terminal.child.stdin.write('q\n');
    expect(await terminal.ended).toBe(6);
  });

  it('is that of `kubectl run -it --rm`, and the pod is gone afterwards', async () => {
    const script = `process.stdin.on('data', (d) => { console.log('heard ' + String(d).trim()); process.exit(0); }); console.log('ready');`;
    const terminal = inTerminal(
      `${kubectl} run once -it --rm --restart=Never --image=${image} --command -- node -e "${script}"`,
    );
    await until(() => terminal.output.includes('prompt') || terminal.output.includes('ready'), {
      what: () => `the container to be attached to: ${terminal.output}`,
      timeoutMs: 40_000,
    });
    await until(
      () => {
        terminal.child.stdin.write('word\n');
        return terminal.output.includes('heard word');
      },
      { what: () => `the answer: ${terminal.output}`, intervalMs: 500 },
    );
    await terminal.ended;
    expect(terminal.output).toContain('pod "once" deleted');
    expect((await run(['get', 'pod', 'once'])).stderr).toContain('NotFound');
  });
});

it('a command ends when its kubectl is killed', async () => {
  const marker = 'sleeps-for-the-test';
  const exec = start(kubectl, ['exec', 'web', '--', 'node', '-e', `setInterval(() => {}, 1000) // ${marker}`]);
  const find = `const fs = require('fs'); for (const p of fs.readdirSync('/proc')) { try { if (Number(p) !== process.pid && fs.readFileSync('/proc/' + p + '/cmdline', 'utf8').includes('sleeps-' + 'for-the-test')) console.log(p); } catch {} }`;
  const found = async (): Promise<string> => ok('exec', 'web', '--', 'node', '-e', find);
  await until(async () => (await found()) !== '', { what: 'the command to run', timeoutMs: 40_000 });
  exec.child.kill('SIGKILL');
  await until(async () => (await found()) === '', { what: 'the command to be gone', timeoutMs: 40_000 });
});

describe.each([
  ['SPDY in a WebSocket', {}],
  ['SPDY', { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
])('kubectl port-forward by %s', (_name, env) => {
  it('carries many connections at once, and much', async () => {
    const forward = start(kubectl, ['port-forward', 'pod/web', ':7000', '--address=127.0.0.1'], env);
    const port = await until(() => Number(/127\.0\.0\.1:(\d+) ->/.exec(forward.output)?.[1]), {
      what: () => `kubectl to listen: ${forward.output}`,
    });
    const small = Array.from({ length: 20 }, (_none, index) => `connection ${index}`);
    const answers = await Promise.all(small.map((text) => exchange(port, Buffer.from(text))));
    expect(answers.map(String)).toEqual(small);
    const large = Buffer.alloc(30_000_000, 'abcdefghijklm');
    const back = await exchange(port, large);
    expect([back.length, digest(back)]).toEqual([large.length, digest(large)]);
  });
});

describe('proxies', () => {
  const namespace = '/api/v1/namespaces/default';

  it('are subresources of pods and services', async () => {
    expect(await ok('get', '--raw', `${namespace}/pods/web/proxy/pod?x=1`)).toBe('GET /pod?x=1');
    expect(await ok('get', '--raw', `${namespace}/pods/web:8080/proxy/`)).toBe('GET /');
    await until(
      async () => (await ok('get', '--raw', `${namespace}/services/web:http/proxy/by-name`)) === 'GET /by-name',
      {
        what: 'the service to have an endpoint',
      },
    );
    expect(await ok('get', '--raw', `${namespace}/services/http:web:80/proxy/by-number`)).toBe('GET /by-number');
    const refused = await run(['get', '--raw', `${namespace}/services/web:none/proxy/`]);
    expect(refused.stderr).toContain('no endpoints available for service "web:none"');
  });

  it('are reached by kubectl proxy', async () => {
    const proxy = start(kubectl, ['proxy', '--port=0']);
    const at = await until(() => /127\.0\.0\.1:\d+/.exec(proxy.output)?.[0], { what: () => proxy.output });
    const answer = await fetch(`http://${at}${namespace}/services/web:http/proxy/fetched`, {
      method: 'PUT',
      body: 'x',
    });
    expect([answer.status, await answer.text()]).toEqual([200, 'PUT /fetched']);
  });
});
