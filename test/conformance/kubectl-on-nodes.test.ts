/** What real kubectl does with objects whose containers run on a real node. */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { kubernetesTools } from '../support/kubectl.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';
import { probeImage } from '../images/probe-server/build.ts';
import { http, sh, steady } from './support/real/containers.ts';
import { guestbook, hostImage } from './support/real/guestbook.ts';
import { realNode } from './support/real/real-node.ts';
import type { Shown } from './support/real/real-pod.ts';

const node = realNode();
const running: RunningProgram[] = [];
let kubectlPath = '';
/** What kubectl makes when the node is there, all of it at once. */
const manifests: object[] = [];
beforeAll(async () => {
  kubectlPath = (await kubernetesTools()).kubectl;
  await kubectlWith(listOf(manifests), 'create', '-f', '-');
}, 360_000);
afterEach(async () => {
  await Promise.all(
    running.splice(0).map(({ child, ended }) => {
      child.kill('SIGKILL');
      return ended;
    }),
  );
});

const listOf = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

async function kubectlWith(input: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await node.cluster.kubectl(args, { input });
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
const kubectl = (...args: string[]): Promise<string> => kubectlWith('', ...args);
const raw = (path: string): Promise<string> => kubectl('get', '--raw', `/api/v1/namespaces/default/${path}`);

/** Waits by kubectl until so many replicas are ready. */
const replicas = (controller: string, count: number): Promise<string> =>
  kubectl('wait', controller, `--for=jsonpath={.status.readyReplicas}=${count}`, '--timeout=20s');

async function podsOf(selector: string): Promise<Shown[]> {
  return JSON.parse(await kubectl('get', 'pods', '-l', selector, '-o', 'json')).items;
}

const namesOf = async (selector: string): Promise<string[]> =>
  (await podsOf(selector)).map(({ metadata }) => metadata.name);

async function gone(selector: string): Promise<void> {
  let left: string[] = [];
  await until(async () => (left = await namesOf(selector)).length === 0, { what: () => `no more of ${left.join()}` });
}

/** The ReplicationController `name`, whose pods say which of them they are. */
function replicationController(name: string, count: number): string {
  const labels = { app: name };
  const spec = steady(http(), { terminationGracePeriodSeconds: 1 });
  manifests.push({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, labels },
    spec: { replicas: count, selector: labels, template: { metadata: { labels }, spec } },
  });
  return name;
}

/** The address at which kubectl forwards to a target until the test is over. */
function forward(target: string): Promise<string> {
  const program = new RunningProgram(kubectlPath, ['port-forward', target, ':80', '--address=127.0.0.1'], {
    KUBECONFIG: node.cluster.kubeconfig,
  });
  running.push(program);
  return until(() => /127\.0\.0\.1:\d+(?= ->)/.exec(program.output)?.[0], {
    what: () => `a port in: ${program.output}`,
  });
}

/** Each pod of a controller answers by itself. */
async function serve(name: string, count: number): Promise<string[]> {
  await replicas(`rc/${name}`, count);
  const names = await namesOf(`app=${name}`);
  expect(names).toHaveLength(count);
  for (const pod of names) expect(await raw(`pods/${pod}:8080/proxy/hostname`)).toBe(pod);
  return names;
}

/** What `kubectl describe` shows, with one space between columns. */
const description = async (...args: string[]): Promise<string> =>
  (await kubectl('describe', ...args)).replaceAll(/[ \t]+/g, ' ');

/** The same, once it has what comes by and by. */
const descriptionWith = (wanted: string, ...args: string[]): Promise<string> => {
  let text = '';
  return until(async () => ((text = await description(...args)).includes(wanted) ? text : undefined), {
    what: () => `${wanted} in:\n${text}`,
  });
};

function expectAll(text: string, wanted: readonly string[]): void {
  for (const each of wanted) expect(text).toContain(each);
}

describe('kubectl: with containers', () => {
  const primary = replicationController('primary', 1);
  const [stopped, scaled] = [replicationController('stopped', 2), replicationController('scaled', 2)];
  manifests.push({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: primary, labels: { app: primary } },
    spec: { selector: { app: primary }, ports: [{ port: 6379, targetPort: 8080 }] },
  });
  manifests.push(...guestbook);
  const labelled = node.pod('labelled', steady(http()));
  const speaker = node.pod('speaker', steady(sh('i=0; while :; do i=$((i + 1)); echo "line $i"; usleep 100000; done')));
  const client = node.pod(
    'client',
    steady({ name: 'c', image: hostImage, command: ['node', '-e', 'setInterval(() => undefined, 1e9)'] }),
  );

  it('describe shows a pod and its ReplicationController', async () => {
    await replicas(`rc/${primary}`, 1);
    const [pod] = await podsOf(`app=${primary}`);
    expectAll(await descriptionWith(' Normal Started ', 'pod', pod.metadata.name), [
      `Name: ${pod.metadata.name}\nNamespace: default\n`,
      `Node: node-1/${pod.status.hostIP}\n`,
      'Labels: app=primary\n',
      'Annotations: <none>\n',
      `Status: Running\nIP: ${pod.status.podIP}\n`,
      'Controlled By: ReplicationController/primary\n',
      `Container ID: ${pod.status.containerStatuses[0].containerID}\n Image: ${probeImage}\n`,
      ' State: Running\n',
      ' Ready: True\n Restart Count: 0\n',
      'QoS Class: BestEffort\n',
      `default-scheduler Successfully assigned default/${pod.metadata.name} to node-1\n`,
    ]);
    const text = await descriptionWith(`Created pod: ${pod.metadata.name}\n`, 'rc', primary);
    expectAll(text, [
      'Name: primary\nNamespace: default\nSelector: app=primary\nLabels: app=primary\nAnnotations: <none>\n',
      'Replicas: 1 current / 1 desired\nPods Status: 1 Running / 0 Waiting / 0 Succeeded / 0 Failed\n',
      'Pod Template:\n Labels: app=primary\n',
      ` Image: ${probeImage}\n`,
    ]);
    expect(text).toMatch(/Events:\n(.*\n)+ Normal SuccessfulCreate /);
  });

  it('describe shows a service, a node and a namespace', async () => {
    await replicas(`rc/${primary}`, 1);
    const [pod] = await podsOf(`app=${primary}`);
    const service = await descriptionWith(`Endpoints: ${pod.status.podIP}:8080\n`, 'service', primary);
    expectAll(service, [
      'Name: primary\nNamespace: default\nLabels: app=primary\nAnnotations: <none>\nSelector: app=primary\nType: ClusterIP\n',
      'Port: <unset> 6379/TCP\nTargetPort: 8080/TCP\n',
      'Session Affinity: None\n',
    ]);
    const shown = await description('node', 'node-1');
    const { status } = await node.api.ask('GET', '/api/v1/nodes/node-1');
    expectAll(shown, [
      'Name: node-1\n',
      'Labels: ',
      'kubernetes.io/hostname=node-1\n',
      'Annotations: ',
      'CreationTimestamp: ',
      'Conditions:\n Type Status LastHeartbeatTime LastTransitionTime Reason Message\n',
      ' Ready True ',
      `Addresses:\n InternalIP: ${status.addresses[0].address}\n`,
      `Capacity:\n cpu: ${status.capacity.cpu}\n`,
      ` Kernel Version: ${status.nodeInfo.kernelVersion}\n`,
      ` Container Runtime Version: ${status.nodeInfo.containerRuntimeVersion}\n`,
      ` Kubelet Version: ${status.nodeInfo.kubeletVersion}\n`,
      ` default ${pod.metadata.name} 0 (0%) `,
    ]);
    expectAll(await description('namespace', 'default'), [
      'Name: default\nLabels: kubernetes.io/metadata.name=default\nAnnotations: <none>\nStatus: Active\n',
    ]);
  });

  it('label sets a label of a pod, shows it as a column, and removes it', async () => {
    await labelled.ready();
    const column = async (): Promise<string> =>
      (await kubectl('get', 'pod', 'labelled', '-L', 'testing', '--no-headers')).trimEnd().split(/ +/)[5] ?? '';
    expect(await kubectl('label', 'pods', 'labelled', 'testing=value')).toBe('pod/labelled labeled\n');
    expect(await column()).toBe('value');
    expect(await namesOf('testing=value')).toEqual(['labelled']);
    expect(await kubectl('label', 'pods', 'labelled', 'testing-')).toBe('pod/labelled unlabeled\n');
    expect(await column()).toBe('');
  });

  it('patch adds annotations to each pod of a ReplicationController', async () => {
    await replicas(`rc/${primary}`, 1);
    for (const name of await namesOf(`app=${primary}`)) {
      await kubectl('patch', 'pod', name, '-p', '{"metadata":{"annotations":{"x":"y"}}}');
    }
    const annotations = (await podsOf(`app=${primary}`)).map(({ metadata }) => metadata.annotations);
    expect(annotations).toEqual([{ x: 'y' }]);
  });

  it('expose makes services of a ReplicationController and of a service, which are reached by their names', async () => {
    await Promise.all([replicas(`rc/${primary}`, 1), client.ready()]);
    await kubectl('expose', 'rc', primary, '--name=first', '--port=1234', '--target-port=8080');
    await kubectl('expose', 'service', 'first', '--name=second', '--port=2345', '--target-port=8080');
    const names = await namesOf(`app=${primary}`);
    for (const at of ['first:1234', 'second:2345']) {
      const script = `fetch('http://${at}/hostname').then((answer) => answer.text()).then((text) => console.log(text))`;
      const answer = await until(() => kubectl('exec', 'client', '--', 'node', '-e', script), { what: at });
      expect(names).toEqual([answer.trim()]);
    }
  });

  it('create starts the pods of a ReplicationController, and delete stops them', async () => {
    await serve(stopped, 2);
    expect(await kubectl('delete', 'rc', stopped)).toBe(
      'replicationcontroller "stopped" deleted from default namespace\n',
    );
    await gone(`app=${stopped}`);
  });

  it('scale takes pods of a ReplicationController away and adds others', async () => {
    const both = await serve(scaled, 2);
    await kubectl('scale', 'rc', scaled, '--replicas=1', '--timeout=20s');
    await until(async () => (await namesOf(`app=${scaled}`)).length === 1, { what: 'one pod alone' });
    const [kept] = await serve(scaled, 1);
    expect(both).toContain(kept);
    await kubectl('scale', 'rc', scaled, '--replicas=2', '--timeout=20s');
    expect(await serve(scaled, 2)).toContain(kept);
  });

  it('logs are cut to their end, to bytes and to what came since, and stamped', async () => {
    const logs = (...args: string[]): Promise<string> => kubectl('logs', 'speaker', ...args);
    await speaker.untilLogs(/^line 5$/m);
    expect(await logs('--tail=1')).toMatch(/^line \d+\n$/);
    expect(await logs('--tail=3')).toMatch(/^(line \d+\n){3}$/);
    expect(await logs('--limit-bytes=1')).toBe('l');
    expect(await logs('--tail=1', '--timestamps')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line \d+\n$/);
    const [first = ''] = (await logs('--timestamps')).split(' ');
    await node.passed(Date.parse(first) + 2500);
    expect(await logs('--since=24h')).toMatch(/^line 1\nline 2\n/);
    const recent = await until(() => logs('--since=1s'), { what: 'a line of the last second' });
    expect(recent).toMatch(/^(line \d+\n)+$/);
    expect(Number(/\d+/.exec(recent)?.[0])).toBeGreaterThan(1);
  });

  it('a guestbook of two Deployments keeps its entries while it is scaled, and stops as a whole', async () => {
    const rolledOut = (name: string): Promise<string> =>
      kubectl('rollout', 'status', `deployment/${name}`, '--timeout=20s');
    await Promise.all([rolledOut('back-end'), rolledOut('front-end')]);
    const at = await forward('service/front-end');
    const stored = await fetch(`http://${at}`, { method: 'POST', body: 'first entry' });
    expect(await stored.text()).toBe('guests: first entry');
    expect(await raw('services/front-end/proxy/')).toBe('guests: first entry');

    await kubectl('scale', 'deployment', 'front-end', '--replicas=3');
    await rolledOut('front-end');
    const fronts = await namesOf('app=guestbook,tier=front-end');
    expect(fronts).toHaveLength(3);
    const answers = await Promise.all(fronts.map((name) => raw(`pods/${name}:8080/proxy/`)));
    expect(answers).toEqual(Array.from(fronts, () => 'guests: first entry'));

    await kubectlWith(listOf(guestbook), 'delete', '-f', '-', '--timeout=20s');
    await gone('app=guestbook');
  });
});
