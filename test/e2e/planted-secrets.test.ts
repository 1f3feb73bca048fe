/** Secrets planted in all places that have some: nothing that the processes write or say may show them. */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster, type RunResult } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

/** By where they are planted; those that the cluster makes itself are added when they are made. */
const planted = new Map<string, string>(
  [
    'data',
    'applied',
    'string-data',
    'replaced',
    'patched',
    'server-side',
    'refused',
    'environment',
    'volume',
    'pull-password',
    'private-key',
    'webhook',
    'bearer',
    'reviewed',
  ].map((place, index) => [place, `Planted+${index}?${place.replace('-', '')}/xK7q`]),
);
const plant = (place: string): string => {
  const text = planted.get(place);
  if (text === undefined) throw new Error(`nothing is planted in ${place}`);
  return text;
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** All that the text may look like: base64 has three forms of it, by what stands before. */
function disguises(text: string): readonly Buffer[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString('base64');
    // What is left of it whatever stands around.
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + text.length) * 8) / 6));
  });
  const escaped = JSON.stringify(text).slice(1, -1);
  const hex = Buffer.from(text).toString('hex');
  return [text, escaped, encodeURIComponent(text), hex, ...inBase64].map((one) => Buffer.from(one));
}

/** Files on the disk: what is mounted into the directory is memory. */
function filesIn(directory: string, device: number = lstatSync(directory).dev): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    const found = lstatSync(path);
    if (found.dev !== device) return [];
    if (found.isDirectory()) return filesIn(path, device);
    return found.isFile() ? [path] : [];
  });
}

const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'RequestResponse' }] };
const secretsPath = '/api/v1/namespaces/default/secrets';

describe('planted secrets', () => {
  let cluster: TestCluster;
  let files: string;
  let webhook: WebhookServer;
  /** What commands said, by the command. */
  const said: (readonly [what: string, text: string])[] = [];

  const run = async (args: readonly string[], input?: string): Promise<RunResult> => {
    const result = await cluster.kubectl(args, input === undefined ? {} : { input });
    said.push([`kubectl ${args.slice(0, 4).join(' ')}`, result.stdout + result.stderr]);
    return result;
  };
  /** Its answer holds what it was asked for. */
  const quietly = (args: readonly string[], input?: string): Promise<RunResult> =>
    cluster.kubectl(args, input === undefined ? {} : { input });
  const works = async (result: Promise<RunResult>): Promise<string> => {
    const { status, stdout, stderr } = await result;
    if (status !== 0) throw new Error(`it failed: ${stderr}`);
    return stdout;
  };
  const fails = async (result: Promise<RunResult>): Promise<void> => {
    const { status, stdout } = await result;
    if (status === 0) throw new Error(`it did not fail: ${stdout}`);
  };
  const secretOf = (name: string, more: object, labels: object = {}): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, labels }, ...more });
  const apply = (object: object): Promise<RunResult> => run(['apply', '-f', '-'], JSON.stringify(object));
  const raw = (body: string): Promise<RunResult> => run(['create', '--raw', secretsPath, '-f', '-'], body);

  beforeAll(async () => {
    files = mkdtempSync(join(tmpdir(), 'timonel-planted-'));
    const policyFile = join(files, 'policy.yaml');
    const config = join(files, 'timonel.yaml');
    writeFileSync(policyFile, JSON.stringify(policy));
    const plugins = {
      'audit-log': { enabled: true, config: { policyFile } },
      'controller-serviceaccount': { enabled: true },
      'admission-serviceaccount': { enabled: true },
    };
    writeFileSync(config, JSON.stringify({ plugins }));
    [cluster, webhook] = await Promise.all([
      TestCluster.start({ args: ['--log-level', 'debug', '--config', config] }),
      startWebhook((body) => JSON.stringify(body)),
    ]);
  }, 60_000);
  afterAll(async () => {
    await cluster?.dispose();
    await webhook?.stop();
    rmSync(files, { recursive: true, force: true });
  }, 60_000);

  it('are written, changed and refused', async () => {
    await works(run(['create', 'secret', 'generic', 'one', `--from-literal=word=${plant('data')}`]));
    await works(run(['apply', '-f', '-'], secretOf('two', { data: { word: base64(plant('applied')) } })));
    await works(run(['apply', '-f', '-'], secretOf('two', { stringData: { word: plant('string-data') } })));
    await works(run(['replace', '-f', '-'], secretOf('one', { stringData: { word: plant('replaced') } })));
    const patch = JSON.stringify({ stringData: { word: plant('patched') } });
    await works(run(['patch', 'secret', 'one', '--type=merge', '-p', patch]));
    const own = secretOf('one', { data: { word: base64(plant('server-side')) } });
    await fails(run(['apply', '--server-side', '--field-manager=other', '-f', '-'], own));
    await works(run(['apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', '-'], own));

    const refused = plant('refused');
    const type = (name: string): string => `kubernetes.io/${name}`;
    for (const [index, more] of [
      { data: { word: refused } },
      { data: { word: [refused] } },
      { data: refused },
      { stringData: { word: { inner: refused } } },
      { type: type('dockerconfigjson'), stringData: { '.dockerconfigjson': `{"auths": ${refused}` } },
      { type: type('dockercfg'), stringData: { '.dockercfg': refused } },
      { type: type('tls'), stringData: { 'tls.key': refused } },
      { type: type('ssh-auth'), stringData: { key: refused } },
      { type: type('basic-auth'), stringData: { word: refused } },
    ].entries())
      await fails(run(['create', '--validate=ignore', '-f', '-'], secretOf(`refused-${index}`, more)));
    for (const body of [`{"data": "${refused}"`, refused, `{"data": {"word": ${refused}}}`, `[${refused}]`])
      await fails(raw(body));
    for (const [how, what] of [
      ['json', [{ op: 'test', path: '/data/word', value: refused }]],
      ['json', [{ op: 'replace', path: '/data', value: refused }]],
      ['json', [{ op: 'add', path: `/nowhere/${refused}/x`, value: 1 }]],
      ['merge', { data: { word: { inner: refused } } }],
      ['strategic', { data: [refused] }],
    ] as const)
      await fails(run(['patch', 'secret', 'one', `--type=${how}`, '-p', JSON.stringify(what)]));
    await works(run(['patch', 'secret', 'one', '--type=merge', '-p', '{"immutable":true}']));
    await fails(
      run(['patch', 'secret', 'one', '--type=merge', '-p', JSON.stringify({ stringData: { word: refused } })]),
    );
  });

  it('are in pods, on the way to registries, in keys and tokens', async () => {
    const forPods = { word: plant('environment'), '1-odd-name': plant('environment'), file: plant('volume') };
    await works(run(['create', '-f', '-'], secretOf('for-pods', { stringData: forPods })));
    const server = [
      '--docker-server=127.0.0.1:1',
      '--docker-username=ada',
      `--docker-password=${plant('pull-password')}`,
    ];
    await works(run(['create', 'secret', 'docker-registry', 'pull', ...server]));
    const key = `-----BEGIN PRIVATE KEY-----\n${plant('private-key')}\n-----END PRIVATE KEY-----\n`;
    await works(
      run(
        ['create', '-f', '-'],
        secretOf('tls', { type: 'kubernetes.io/tls', stringData: { 'tls.key': key, 'tls.crt': '' } }),
      ),
    );
    const env = [{ name: 'WORD', valueFrom: { secretKeyRef: { name: 'for-pods', key: 'word' } } }];
    const missing = [{ name: 'WORD', valueFrom: { secretKeyRef: { name: 'for-pods', key: 'nothing' } } }];
    const pod = (name: string, container: object, more: object = {}): Promise<RunResult> =>
      apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'timonel.local/node:host', ...container }],
          ...more,
        },
      });
    const fine = {
      env,
      envFrom: [{ secretRef: { name: 'for-pods' } }],
      command: ['node', '-e', 'setInterval(() => undefined, 1000)'],
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    };
    const volumes = [{ name: 'v', secret: { secretName: 'for-pods', items: [{ key: 'file', path: 'file' }] } }];
    await works(pod('fine', fine, { volumes }));
    await works(pod('wrong', { env: missing }));
    await works(pod('absent', { env, command: ['/nowhere', '$(WORD)'] }));
    await works(pod('pulls', { image: '127.0.0.1:1/none:1' }, { imagePullSecrets: [{ name: 'pull' }] }));
    await works(run(['wait', '--for=condition=Ready', '--timeout=20s', 'pod/fine']));
    const word = quietly(['exec', 'fine', '--', 'node', '-e', 'console.log(process.env.WORD)']);
    expect(await works(word)).toBe(`${plant('environment')}\n`);

    planted.set('account token', (await works(quietly(['create', 'token', 'default']))).trim());
    const mounted = '/var/run/secrets/kubernetes.io/serviceaccount/token';
    const read = ['exec', 'fine', '--', 'node', '-e', `console.log(fs.readFileSync('${mounted}', 'utf8'))`];
    planted.set('mounted token', (await works(quietly(read))).trim());
    const joining = (await cluster.timonel('token', 'create')).stdout.trim();
    // Its other parts are no secret: which one it is, and whose.
    planted.set('joining token', joining.split('.')[2] ?? joining);
    await fails(run([`--token=${plant('bearer')}`, '--username=', 'get', 'pods']));
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: plant('reviewed') } };
    await works(quietly(['create', '-f', '-', '-o', 'json'], JSON.stringify(review)));
  }, 60_000);

  it('are sent to webhooks that fail', async () => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] };
    await works(
      apply({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'echo' },
        webhooks: [
          {
            name: 'echo.example.com',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            clientConfig: webhook.clientConfig,
            objectSelector: { matchLabels: { asked: 'yes' } },
            rules: [rule],
          },
        ],
      }),
    );
    const ask = (): Promise<RunResult> =>
      run(['create', '-f', '-'], secretOf('asked', { stringData: { word: plant('webhook') } }, { asked: 'yes' }));
    await until(async () => (await ask()).status !== 0, { what: 'the webhook to be asked' });
    webhook.answer = (body, response) => void response.writeHead(500).end(JSON.stringify(body));
    await fails(ask());
    webhook.answer = (_body, response) => void response.writeHead(200).end(`{"response": ${plant('webhook')}`);
    await fails(ask());
    expect(JSON.stringify(webhook.bodies)).toContain(base64(plant('webhook')));
  });

  it('are shown nowhere', async () => {
    const look = async (...args: string[]): Promise<void> => {
      const { stdout, stderr } = await cluster.timonel(...args);
      said.push([`timonel ${args.join(' ')}`, stdout + stderr]);
    };
    let seen = '';
    const events = async (): Promise<string> => (seen = (await run(['get', 'events', '-A', '-o', 'yaml'])).stdout);
    for (const told of ['find key nothing', 'Failed to pull image', '/nowhere'])
      await until(async () => (await events()).includes(told), { what: () => `the event "${told}" among ${seen}` });
    for (const pod of ['fine', 'wrong', 'absent', 'pulls']) await look('why', 'pod', pod);
    for (const args of [['doctor'], ['plugin', 'list', '-o', 'json'], ['secrets', 'status'], ['token', 'list']])
      await look(...args);
    await look('store', 'snapshot', 'save', join(files, 'snapshot'));
    for (const args of [
      ['get', '--raw', '/metrics'],
      ['describe', 'pods,secrets,serviceaccounts,nodes', '-A'],
      ['get', 'pods', '-A', '-o', 'yaml'],
    ])
      await works(run(args));
    await works(run(['delete', 'pods', '--all', '--timeout=20s']));
    // Files in volumes lie on the disk as long as their pod is there, for root alone.
    const ofPods = join(cluster.dataDir, 'data', 'node-agent', 'pods');
    await until(() => filesIn(ofPods).length === 0, { what: 'the end of the volumes' });
    await cluster.signal('SIGINT');
    said.push(['the command', cluster.output]);

    const audit = filesIn(cluster.dataDir).filter((path) => path.endsWith('audit.log'));
    expect(audit).toHaveLength(1);
    expect(readFileSync(audit[0] ?? '', 'utf8')).toContain('"level":"RequestResponse"');
    const written = [...filesIn(cluster.dataDir), join(files, 'snapshot')].map(
      (path) => [relative(cluster.dataDir, path), readFileSync(path)] as const,
    );
    expect(written.some(([name]) => name === 'timonel.log')).toBe(true);
    const places = [...said.map(([what, text]) => [what, Buffer.from(text)] as const), ...written];
    const shown = [...planted].flatMap(([place, text]) => {
      const forms = disguises(text);
      return places
        .filter(([, bytes]) => forms.some((form) => bytes.includes(form)))
        .map(([where]) => `${place} in ${where}`);
    });
    expect(shown).toEqual([]);
    const talk = places.filter(([where]) => !/(^|\/)pki\/|\.key$|kubeconfig/.test(where));
    expect(talk.filter(([, bytes]) => bytes.includes('PRIVATE KEY-----')).map(([where]) => where)).toEqual([]);
  }, 60_000);
});
