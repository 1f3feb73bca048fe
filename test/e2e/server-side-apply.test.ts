/** Real kubectl and helm: server-side apply against the API server alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runProgram, type RunResult } from '../support/cluster.ts';
import type { Tools } from '../support/kubectl.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

let cluster: KubectlServer;
beforeAll(async () => {
  cluster = await startKubectlServer();
}, 300_000);
afterAll(() => cluster.server.stop());

async function run(program: keyof Tools, command: string, input?: string): Promise<RunResult> {
  const options = { env: cluster.env, timeoutMs: 60_000, ...(input === undefined ? {} : { input }) };
  return runProgram(cluster.tools[program], command.split(' '), options);
}

/** What kubectl prints; it must succeed without a word on standard error. */
async function prints(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await run('kubectl', command, input);
  expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

/** What kubectl complains about. */
async function complains(command: string, expectedStatus: number, input?: string): Promise<string> {
  const { status, stdout, stderr } = await run('kubectl', command, input);
  expect({ command, status, stdout }).toEqual({ command, status: expectedStatus, stdout: '' });
  return stderr;
}

function manifest(name: string, replicas: number, image: string, extra = ''): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: {app: ${name}${extra}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - name: main
        image: ${image}
        ports: [{containerPort: 80}]
`;
}

/** `manager operation` of every entry, in order. */
async function managers(name: string): Promise<string[]> {
  const object = JSON.parse(await prints(`get ${name} -o json --show-managed-fields`)) as {
    metadata: { managedFields?: { manager: string; operation: string; subresource?: string }[] };
  };
  return (object.metadata.managedFields ?? []).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource === undefined ? [] : [subresource])].join(' '),
  );
}

const versionOf = (name: string): Promise<string> => prints(`get ${name} -o jsonpath={.metadata.resourceVersion}`);

describe('kubectl apply --server-side', () => {
  it('creates, and leaves alone what is as it should be', async () => {
    expect(await prints('apply --server-side -f -', manifest('web', 2, 'nginx:1'))).toBe(
      'deployment.apps/web serverside-applied\n',
    );
    const version = await versionOf('deploy/web');
    expect(await prints('apply --server-side -f -', manifest('web', 2, 'nginx:1'))).toBe(
      'deployment.apps/web serverside-applied\n',
    );
    expect(await versionOf('deploy/web')).toBe(version);
    expect(await managers('deploy/web')).toEqual(['kubectl Apply']);
    expect(await prints('get deploy web -o yaml')).not.toContain('managedFields');
    expect(await prints('get deploy web -o yaml')).not.toContain('last-applied');
  });

  it('names the owner of what it may not change, and changes it when forced', async () => {
    expect(await prints('scale deploy web --replicas=5')).toBe('deployment.apps/web scaled\n');
    const stderr = await complains('apply --server-side -f -', 1, manifest('web', 3, 'nginx:1'));
    expect(stderr).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    );
    expect(stderr).toContain('--force-conflicts');
    expect(await prints('get deploy web -o jsonpath={.spec.replicas}')).toBe('5');
    await prints('apply --server-side --force-conflicts -f -', manifest('web', 3, 'nginx:1'));
    expect(await prints('get deploy web -o jsonpath={.spec.replicas}')).toBe('3');
    expect(await managers('deploy/web')).toEqual(['kubectl Apply']);
  });

  it('as another manager adds, conflicts and takes back', async () => {
    const web = (metadata: string): string =>
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web${metadata}}\n`;
    const label = (text: string): string => web(`, labels: {${text}}`);
    await prints('apply --server-side --field-manager=team -f -', label('tier: front'));
    expect(await managers('deploy/web')).toEqual(['kubectl Apply', 'team Apply']);
    expect(await complains('apply --server-side --field-manager=team -f -', 1, label('app: other'))).toContain(
      'conflict with "kubectl": .metadata.labels.app',
    );
    expect(await prints('get deploy web -o jsonpath={.metadata.labels}')).toBe('{"app":"web","tier":"front"}');
    await prints('apply --server-side --field-manager=team -f -', web(''));
    expect(await prints('get deploy web -o jsonpath={.metadata.labels}')).toBe('{"app":"web"}');
    expect(await managers('deploy/web')).toEqual(['kubectl Apply']);
  });

  it('shows what it would change', async () => {
    expect(await prints('diff --server-side -f -', manifest('web', 3, 'nginx:1'))).toBe('');
    const { status, stdout } = await run('kubectl', 'diff --server-side -f -', manifest('web', 3, 'nginx:2'));
    expect(status).toBe(1);
    expect(stdout).toMatch(/^-\s+- image: nginx:1$/m);
    expect(stdout).toMatch(/^\+\s+- image: nginx:2$/m);
    expect(await prints('apply --server-side --dry-run=server -f -', manifest('web', 3, 'nginx:2'))).toBe(
      'deployment.apps/web serverside-applied (server dry run)\n',
    );
    expect(await prints('get deploy web -o jsonpath={..image}')).toBe('nginx:1');
  });

  it('refuses fields that do not exist', async () => {
    const stderr = await complains(
      'apply --server-side --validate=false -f -',
      1,
      `${manifest('web', 1, 'x')}  odd: 1\n`,
    );
    expect(stderr).toContain('.spec.odd: field not declared in schema');
  });

  it('takes over from client-side apply, and back', async () => {
    await prints('apply -f -', manifest('old', 1, 'nginx:1', ', a: b'));
    expect(await managers('deploy/old')).toEqual(['kubectl-client-side-apply Update']);
    await prints('apply --server-side -f -', manifest('old', 2, 'nginx:2'));
    // The second one is how kubectl keeps the annotation, for the way back.
    expect(await managers('deploy/old')).toEqual(['kubectl Apply', 'kubectl-last-applied Apply']);
    const now = 'get deploy old -o jsonpath={.spec.replicas},{..image},{.metadata.labels}';
    expect(await prints(now)).toBe('2,nginx:2,{"app":"old"}');
    const annotation = await prints('apply view-last-applied deploy/old');
    expect(annotation).toContain('image: nginx:2');
    await prints('apply -f -', manifest('old', 4, 'nginx:2'));
    expect(await prints(now)).toBe('4,nginx:2,{"app":"old"}');
  });

  it('creates and edits keep their account too', async () => {
    await prints('create configmap made --from-literal=a=1');
    await prints('label configmap made x=y');
    expect((await managers('configmap/made')).sort()).toEqual(['kubectl-create Update', 'kubectl-label Update']);
  });
});

describe('helm', () => {
  function chart(): string {
    const directory = join(cluster.server.kernel.dataDir, 'chart');
    mkdirSync(join(directory, 'templates'), { recursive: true });
    writeFileSync(join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: shop\nversion: 1.0.0\n');
    writeFileSync(join(directory, 'values.yaml'), 'image: nginx:1\nextra: true\n');
    const config = `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  a: "1"
{{- if .Values.extra }}
  b: "2"
{{- end }}
`;
    writeFileSync(join(directory, 'templates', 'config.yaml'), config);
    writeFileSync(join(directory, 'templates', 'web.yaml'), manifest('{{ .Release.Name }}', 2, '{{ .Values.image }}'));
    return directory;
  }

  async function helm(command: string): Promise<string> {
    const { status, stdout, stderr } = await run('helm', command);
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
    return stdout;
  }

  it('installs, upgrades, rolls back and uninstalls with server-side apply', async () => {
    const directory = chart();
    expect(await helm(`install shop ${directory}`)).toContain('STATUS: deployed');
    expect(await managers('deploy/shop')).toEqual(['helm Apply']);
    await prints('annotate configmap shop note=mine');
    await helm(`upgrade shop ${directory} --set image=nginx:2 --set extra=false`);
    const state = 'get deploy/shop configmap/shop -o jsonpath={.items[0]..image},{.items[1].data}';
    expect(await prints(state)).toBe('nginx:2,{"a":"1"}');
    expect(await prints('get configmap shop -o jsonpath={.metadata.annotations.note}')).toBe('mine');
    await helm('rollback shop 1');
    expect(await prints(state)).toBe('nginx:1,{"a":"1","b":"2"}');
    await helm('uninstall shop');
    expect(await prints('get configmap -o name')).not.toContain('shop');
  });

  it('refuses to change what somebody else has taken', async () => {
    const directory = chart();
    await helm(`install taken ${directory}`);
    await prints('apply --server-side --force-conflicts --field-manager=ops -f -', manifest('taken', 2, 'nginx:9'));
    const { status, stderr } = await run('helm', `upgrade taken ${directory} --set image=nginx:3`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('conflict with "ops": .spec.template.spec.containers[name="main"].image');
  });
});
