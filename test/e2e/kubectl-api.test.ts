/** Real kubectl against the API server alone: what it prints for verbs that need no controller and no node. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { RunningProgram } from '../support/running-program.ts';

let cluster: KubectlServer;
beforeAll(async () => {
  cluster = await startKubectlServer();
}, 300_000);
afterAll(() => cluster.server.stop());

const kubectl: KubectlServer['run'] = (...args) => cluster.run(...args);

/** What a command prints; it must succeed. */
async function prints(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await kubectl(command.split(' '), input);
  expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

/** What a command complains about; it must fail. */
async function complains(command: string, input?: string): Promise<string> {
  const { status, stderr } = await kubectl(command.split(' '), input);
  expect(status).not.toBe(0);
  return stderr;
}

function manifest(replicas: number, image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: ${image}
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`;
}

describe('kubectl looks around', () => {
  it('version, api-versions, api-resources, cluster-info', async () => {
    expect(await prints('version')).toContain('Server Version: v1.35');
    expect((await prints('api-versions')).split('\n')).toEqual(expect.arrayContaining(['v1', 'apps/v1']));
    expect(await prints('api-resources')).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    expect(await prints('cluster-info')).toContain(cluster.server.url);
  });

  it('explain', async () => {
    expect(await prints('explain deployment.spec.replicas')).toMatch(
      /KIND: +Deployment\nVERSION: +v1\n\nFIELD: replicas <integer>/,
    );
    expect(await prints('explain pods --recursive')).toContain('containerPort\t<integer> -required-');
  });

  it('finds the namespaces', async () => {
    expect(await prints('get ns -o name')).toBe(
      'namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\n',
    );
  });
});

describe('kubectl apply and what follows', () => {
  it('creates, leaves and changes objects', async () => {
    expect(await prints('apply -f -', manifest(2, 'nginx:1.25'))).toBe(
      'deployment.apps/web created\nservice/web created\n',
    );
    expect(await prints('apply -f -', manifest(2, 'nginx:1.25'))).toBe(
      'deployment.apps/web unchanged\nservice/web unchanged\n',
    );
    expect(await prints('apply -f -', manifest(3, 'nginx:1.26'))).toBe(
      'deployment.apps/web configured\nservice/web unchanged\n',
    );
    expect(await prints('apply --dry-run=server -f -', manifest(9, 'nginx:1.26'))).toContain(
      'configured (server dry run)',
    );
    expect(await prints('get deploy web -o jsonpath={.spec.replicas}:{.metadata.generation}')).toBe('3:2');
  });

  it('prints tables, names, YAML and JSON', async () => {
    const wide = await prints('get deploy,svc -o wide');
    expect(wide).toMatch(/NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR/);
    expect(wide).toMatch(/deployment\.apps\/web +0\/3 +0 +0 +\d+s +main +nginx:1\.26 +app=web/);
    expect(wide).toMatch(/service\/web +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP +\d+s +app=web/);
    expect(await prints('get deploy -o name')).toBe('deployment.apps/web\n');
    expect(await prints('get deploy web -o yaml')).toContain(
      '\nspec:\n  progressDeadlineSeconds: 600\n  replicas: 3\n',
    );
    expect(JSON.parse(await prints('get deploy web -o json'))).toMatchObject({
      kind: 'Deployment',
      spec: { replicas: 3 },
    });
    expect(await prints('get all')).toContain('deployment.apps/web');
    expect(await prints('describe deploy web')).toMatch(/Replicas: +3 desired/);
  });

  it('scale, label, annotate, set image, expose', async () => {
    expect(await prints('scale deploy web --replicas=5')).toBe('deployment.apps/web scaled\n');
    expect(await prints('label deploy web tier=front')).toBe('deployment.apps/web labeled\n');
    expect(await prints('get deploy -l tier=front -o name')).toBe('deployment.apps/web\n');
    expect(await prints('label deploy web tier-')).toBe('deployment.apps/web unlabeled\n');
    expect(await prints('annotate svc web note=x')).toBe('service/web annotated\n');
    expect(await prints('set image deploy/web main=nginx:2')).toBe('deployment.apps/web image updated\n');
    expect(await prints('expose deploy web --port=8080 --name=web2')).toBe('service/web2 exposed\n');
    expect(await prints('get deploy web -o jsonpath={.spec.replicas},{.spec.template.spec.containers[0].image}')).toBe(
      '5,nginx:2',
    );
  });

  it('patches in three ways', async () => {
    const strategic = { spec: { template: { spec: { containers: [{ name: 'side', image: 'busybox' }] } } } };
    for (const args of [
      ['--type=strategic', '-p', JSON.stringify(strategic)],
      ['--type=merge', '-p', '{"spec":{"minReadySeconds":3}}'],
      ['--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":4}]'],
    ]) {
      const { stdout, stderr } = await kubectl(['patch', 'deploy', 'web', ...args]);
      expect({ stdout, stderr }).toEqual({ stdout: 'deployment.apps/web patched\n', stderr: '' });
    }
    const path = '{.spec.replicas},{.spec.minReadySeconds},{.spec.template.spec.containers[*].name}';
    expect((await kubectl(['get', 'deploy', 'web', '-o', `jsonpath=${path}`])).stdout).toBe('4,3,side main');
  });

  it('edit', async () => {
    const editor = join(cluster.server.kernel.dataDir, 'editor.sh');
    writeFileSync(editor, '#!/bin/sh\nsed -i "s/replicas: 4/replicas: 6/" "$1"\n');
    chmodSync(editor, 0o755);
    const { stdout } = await kubectl(['edit', 'deploy', 'web'], undefined, { KUBE_EDITOR: editor });
    expect(stdout).toBe('deployment.apps/web edited\n');
    expect(await prints('get deploy web -o jsonpath={.spec.replicas}')).toBe('6');
  });

  it('diff', async () => {
    const { status, stdout } = await kubectl(['diff', '-f', '-'], manifest(1, 'nginx:1.26'));
    expect(status).toBe(1);
    expect(stdout).toMatch(/^-  replicas: 6$/m);
    expect(stdout).toMatch(/^\+  replicas: 1$/m);
  });
});

describe('kubectl create and delete', () => {
  it('creates by its generators', async () => {
    expect(await prints('create ns demo')).toBe('namespace/demo created\n');
    expect(await prints('create cm conf -n demo --from-literal=a=b')).toBe('configmap/conf created\n');
    expect(await prints('create secret generic sec -n demo --from-literal=p=q')).toBe('secret/sec created\n');
    expect(await prints('create deployment d1 -n demo --image=nginx --replicas=2')).toBe(
      'deployment.apps/d1 created\n',
    );
    expect(await prints('create service nodeport np -n demo --tcp=80:8080')).toBe('service/np created\n');
    expect(await prints('create sa bob -n demo')).toBe('serviceaccount/bob created\n');
    expect(await prints('run p1 -n demo --image=nginx')).toBe('pod/p1 created\n');
    expect(await prints('get secret sec -n demo -o jsonpath={.data.p}')).toBe('cQ==');
    expect(await prints('get svc np -n demo')).toMatch(/NodePort +10\.96\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/);
    expect(await prints('get po -n demo')).toMatch(/p1 +0\/1 +Pending +0 +\d+s/);
    expect(await prints('describe pod p1 -n demo')).toContain('Image:        nginx');
  });

  it('deletes', async () => {
    expect(await prints('delete po p1 -n demo --now')).toContain('pod "p1" deleted');
    expect(await prints('delete cm,secret --all -n demo')).toBe(
      'configmap "conf" deleted from demo namespace\nsecret "sec" deleted from demo namespace\n',
    );
    expect(await prints('get cm -n demo -o name')).toBe('');
    expect(await prints('wait --for=delete cm/conf -n demo --timeout=5s')).toBe('');
  });

  it('get -w shows changes as they come', async () => {
    const watch = new RunningProgram(cluster.tools.kubectl, ['get', 'cm', '-w'], cluster.env);
    try {
      await prints('create cm seen --from-literal=a=b');
      await until(() => /seen +1 +\d+s/.test(watch.output), { what: 'the object to be shown', timeoutMs: 10_000 });
      await kubectl(['patch', 'cm', 'seen', '--type=merge', '-p', '{"data":{"b":"c"}}']);
      await until(() => /seen +2 +\d+s/.test(watch.output), { what: 'the change to be shown', timeoutMs: 10_000 });
    } finally {
      watch.child.kill();
      await watch.ended;
    }
  });
});

describe('kubectl passes on what is wrong', () => {
  it('in the words of the server', async () => {
    expect(await complains('get deploy nosuch')).toBe(
      'Error from server (NotFound): deployments.apps "nosuch" not found\n',
    );
    expect(await complains('get nosuch')).toContain('the server doesn\'t have a resource type "nosuch"');
    expect(await complains('create ns default')).toContain('namespaces "default" already exists');
    expect(await complains('create cm x -n nope')).toContain('namespaces "nope" not found');
    expect(await complains('delete ns default')).toContain('this namespace may not be deleted');
    const unknown = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, datas: {} });
    expect(await complains('apply -f -', unknown)).toContain('unknown field "datas"');
    const bad = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'Bad' } });
    expect(await complains('create -f -', bad)).toContain(
      'The ConfigMap "Bad" is invalid: metadata.name: Invalid value: "Bad"',
    );
    const wrong = await kubectl([
      'get',
      'ns',
      '--token=wrong-token-of-some-length',
      '--kubeconfig',
      cluster.server.kubeconfig,
    ]);
    expect(wrong.stderr).toContain('Unauthorized');
  });
});
