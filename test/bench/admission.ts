/** What admission by a plugin's hook costs, in the process and in a thread of its own, beside a webhook over HTTPS on this machine. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRealEnv } from '@timonel/core';
import type { PluginEntry } from '@timonel/core';
import { collectHook, definePlugin, defineService, type AnyPlugin } from '@timonel/sdk';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { startTestKernel } from '../../sdk/testkit/src/test-kernel.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withCleanup, withTemporaryFolder } from './cleanup.ts';
import { median, type Figure } from './figures.ts';

const bench = 'admission';
const warmUps = 2000;
const batch = 500;
const targetsUs = { process: 10, worker: 200 };

type Ask = () => Promise<unknown>;

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-5d9c7b-x2x8f', namespace: 'default', labels: { app: 'web', tier: 'front' } },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'registry.example/web:1.2.3',
        ports: [{ containerPort: 8080, protocol: 'TCP' }],
        env: Array.from({ length: 10 }, (_, index) => ({ name: `NAME_${index}`, value: `value-${index}` })),
        resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      },
    ],
    restartPolicy: 'Always',
    serviceAccountName: 'default',
  },
};
const context = { operation: 'CREATE', group: '', version: 'v1', resource: 'pods', namespace: 'default' };

/** µs of one call: in batches, as one call alone is too short for the clock. */
async function microseconds(rounds: number, ask: Ask): Promise<number[]> {
  for (let call = 0; call < warmUps; call += 1) await ask();
  const samples: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    for (let call = 0; call < batch; call += 1) await ask();
    samples.push(((performance.now() - began) * 1000) / batch);
  }
  return samples;
}

const hooks = {
  none: collectHook<object, object, string>('bench.admission.none', { description: 'without taps', budgetMs: 3000 }),
  process: collectHook<object, object, string>('bench.admission.process', {
    description: 'in the process',
    budgetMs: 3000,
  }),
  worker: collectHook<object, object, string>('bench.admission.worker', { description: 'in a thread', budgetMs: 3000 }),
};
type Place = keyof typeof hooks;
const caller = defineService<{ ask(place: Place): Promise<unknown> }>('bench.admission', {
  major: 1,
  cardinality: 'one',
});

const owner: AnyPlugin = definePlugin({
  name: 'owner',
  version: '1.0.0',
  apiVersion: 1,
  provides: { caller },
  hooks,
  setup: (ctx) => ({ provides: { caller: { ask: (place) => ctx.hooks[place].call(pod, context) } } }),
});

const body = `(subject) => (subject.spec.containers.some(({ image }) => image.endsWith(':latest')) ? ['an image without a version'] : undefined)`;

const inProcess: AnyPlugin = definePlugin({
  name: 'in-process',
  version: '1.0.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.tap(hooks.process, (subject) => {
      const { containers } = (subject as typeof pod).spec;
      return containers.some(({ image }) => image.endsWith(':latest')) ? ['an image without a version'] : undefined;
    });
  },
});

function inWorker(directory: string): PluginEntry {
  const file = join(directory, 'in-worker.mjs');
  const fields = { $$type: '@timonel/plugin', name: 'in-worker', version: '1.0.0', apiVersion: 1, description: '' };
  const more = {
    provides: {},
    requires: {},
    optional: {},
    hooks: {},
    isolation: 'worker',
    swap: 'drain',
    criticality: 'optional',
  };
  // The kernel needs the fields only: setup runs in the thread, from the file.
  const definition = { ...fields, ...more, config: undefined, setup: () => undefined };
  const code = `const hook = ${JSON.stringify(hooks.worker)};
    export default { ...${JSON.stringify({ ...fields, ...more })}, config: undefined, setup(ctx) { ctx.tap(hook, ${body}); } };`;
  writeFileSync(file, code);
  return { definition: definition as unknown as AnyPlugin, source: file, moduleUrl: pathToFileURL(file).href };
}

/** A webhook as small as can be: it parses the review and allows it. */
const webhookProgram = `
const { createServer } = require('node:https');
const { readFileSync } = require('node:fs');
const server = createServer({ key: readFileSync(process.argv[1]), cert: readFileSync(process.argv[2]) }, (req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const { request } = JSON.parse(Buffer.concat(chunks));
    const allowed = !request.object.spec.containers.some(({ image }) => image.endsWith(':latest'));
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: request.uid, allowed } }));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));`;

interface Webhook {
  readonly child: ChildProcess;
  readonly url: string;
  readonly ca: string;
}

async function startWebhook(directory: string): Promise<Webhook> {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const identity = await issueIdentity(env, authority, {
    commonName: 'webhook',
    names: ['127.0.0.1'],
    usages: ['server'],
  });
  const [key, certificate] = [join(directory, 'tls.key'), join(directory, 'tls.crt')];
  writeFileSync(key, identity.keyPem);
  writeFileSync(certificate, identity.certificatePem);
  const child = spawn(process.execPath, ['-e', webhookProgram, key, certificate], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (text: Buffer) => resolve(text.toString().trim()));
    child.once('exit', () => reject(new Error('the webhook ended')));
  });
  return { child, url: `https://127.0.0.1:${port}`, ca: authority.certificatePem };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  await ended;
}

function post({ url, ca }: Webhook, agent: Agent, text: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, ca, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => resolve(Buffer.concat(chunks).toString()));
      response.once('error', reject);
    });
    call.once('error', reject);
    call.end(text);
  });
}

async function measureWebhook(directory: string, rounds: number): Promise<number[]> {
  const webhook = await startWebhook(directory);
  const agent = new Agent({ keepAlive: true });
  const ask = async (): Promise<void> => {
    const asked = { uid: 'a', ...context, object: pod };
    const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: asked };
    const { response } = JSON.parse(await post(webhook, agent, JSON.stringify(review))) as {
      response: { allowed: boolean };
    };
    if (!response.allowed) throw new Error('the webhook refused');
  };
  return withCleanup(
    async () => {
      agent.destroy();
      await end(webhook.child);
    },
    () => microseconds(rounds, ask),
  );
}

async function measure(directory: string, { rounds, note }: BenchOptions): Promise<Figure[]> {
  const kernel = await startTestKernel({ plugins: [owner, inProcess, inWorker(directory)] });
  // A thread of a plugin does not keep the process alive.
  const alive = setInterval(() => undefined, 1000);
  const [none, own, worker] = await withCleanup(
    async () => {
      clearInterval(alive);
      await kernel.stop();
    },
    async () => {
      const service = kernel.service(caller);
      const all: number[][] = [];
      for (const place of ['none', 'process', 'worker'] as const) {
        all.push(await microseconds(rounds, () => service.ask(place)));
        note(`${place}: ${rounds} × ${batch} calls`);
      }
      return all;
    },
  );
  const webhook = await measureWebhook(directory, rounds);
  note(`webhook: ${rounds} × ${batch} calls`);
  const bare = median(none ?? []);
  const added = (samples: readonly number[] = []): number[] => samples.map((sample) => sample - bare);
  return [
    { bench, name: 'a call without hooks', unit: 'µs', samples: none ?? [] },
    { bench, name: 'a hook in the process adds', unit: 'µs', wanted: { p50: targetsUs.process }, samples: added(own) },
    { bench, name: 'a hook in a thread adds', unit: 'µs', wanted: { p50: targetsUs.worker }, samples: added(worker) },
    { bench, name: 'a webhook over HTTPS adds', unit: 'µs', samples: webhook },
  ];
}

export const admission: Bench = {
  name: bench,
  description:
    'what admission by a hook of a plugin costs, in the process and in a thread, beside a webhook over HTTPS',
  needsRoot: false,
  defaultRounds: 20,
  run: (options) => withTemporaryFolder('timonel-bench-admission-', (directory) => measure(directory, options)),
};
