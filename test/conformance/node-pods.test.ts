/** The life of pods on a real node. */
import { describe, expect, it } from '@jest/globals';
import { readKubeconfig } from '../../cli/src/cluster/kubeconfig.ts';
import { SessionClient } from '../support/session-client.ts';
import { until } from '../support/until.ts';
import { idle, once, sh, steady } from './support/real/containers.ts';
import type { Shown } from './support/real/real-pod.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();
const collection = '/api/v1/namespaces/default/pods';
const nodeObject = (): Promise<Shown> => node.api.ask('GET', '/api/v1/nodes/node-1');
const session = (path: string, ...protocols: string[]): SessionClient => {
  const { server, token } = readKubeconfig(node.cluster.kubeconfig);
  return new SessionClient(server, path, { token, protocols });
};

describe('node: pods', () => {
  const simple = node.pod('simple', steady(sh("trap 'exit 0' TERM; echo from the pod; sleep 3600 & wait")), {
    labels: { time: 'old', kept: 'yes' },
  });
  const ending = node.pod(
    'ending',
    steady(sh("trap 'echo asked; sleep 1; exit 0' TERM; echo up; sleep 3600 & wait; wait"), {
      terminationGracePeriodSeconds: 20,
    }),
  );
  const stubborn = node.pod('stubborn', steady(sh("trap '' TERM; echo up; while true; do sleep 1; done")));
  const deadline = node.pod('deadline', steady(idle(), { activeDeadlineSeconds: 600 }));

  node.object('Service', 'web-service', { spec: { ports: [{ name: 'http', port: 8765, targetPort: 8080 }] } });
  const linked = node.pod('linked', once(sh('env | grep ^WEB_SERVICE')));
  const unlinked = node.pod(
    'unlinked',
    once(sh('env | grep -c ^WEB_SERVICE; env | grep ^KUBERNETES_SERVICE_PORT='), { enableServiceLinks: false }),
  );

  it('have environment variables of the services that were there before', async () => {
    const { clusterIP } = (await node.api.ask('GET', '/api/v1/namespaces/default/services/web-service')).spec;
    expect(await linked.values()).toEqual({
      WEB_SERVICE_SERVICE_HOST: clusterIP,
      WEB_SERVICE_SERVICE_PORT: '8765',
      WEB_SERVICE_SERVICE_PORT_HTTP: '8765',
      WEB_SERVICE_PORT: `tcp://${clusterIP}:8765`,
      WEB_SERVICE_PORT_8765_TCP: `tcp://${clusterIP}:8765`,
      WEB_SERVICE_PORT_8765_TCP_PROTO: 'tcp',
      WEB_SERVICE_PORT_8765_TCP_PORT: '8765',
      WEB_SERVICE_PORT_8765_TCP_ADDR: clusterIP,
    });
  });
  it('without service links know the API server alone', async () => {
    expect(await unlinked.output()).toBe('0\nKUBERNETES_SERVICE_PORT=443\n');
  });
  it('give their logs over WebSocket', async () => {
    await simple.untilLogs(/from the pod/);
    const client = session(`${simple.path}/log?container=c`, 'binary.k8s.io');
    expect(await client.opened).toBe(true);
    await client.closed;
    expect(Buffer.concat(client.messages).toString()).toBe('from the pod\n');
  });
  it('with nothing to run them on their node are refused by it, with a reason', async () => {
    const pod = node.later('elsewhere', steady(idle(), { nodeName: 'node-1', nodeSelector: { no: 'such' } }));
    await pod.create();
    const { status } = await pod.untilPhase('Failed');
    expect(status).toMatchObject({
      reason: 'NodeAffinity',
      message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    });
  });

  it('have the address of their node', async () => {
    const { status } = await simple.ready();
    const { addresses } = (await nodeObject()).status;
    expect(addresses).toContainEqual({ type: 'InternalIP', address: status.hostIP });
    expect(status.hostIPs).toEqual([{ ip: status.hostIP }]);
    expect(status.podIPs).toEqual([{ ip: status.podIP }]);
  });
  it('are submitted, run, and end within their grace period, as a watch shows', async () => {
    await ending.ready();
    await ending.untilLogs(/up/);
    await ending.delete();
    await ending.until('to be ending', ({ metadata }) => metadata.deletionTimestamp);
    expect(ending.now.metadata.deletionGracePeriodSeconds).toBe(20);
    await ending.gone();
    const types = ending.changes.map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['ADDED', 'DELETED']);
    const phases = ending.changes.map(({ object }) => object.status.phase);
    expect([...new Set(phases)].slice(0, 2)).toEqual(['Pending', 'Running']);
    const [{ state }] = ending.now.status.containerStatuses;
    expect(state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });
  it('that do not end are killed when their grace period is over', async () => {
    await stubborn.untilLogs(/up/);
    await stubborn.delete();
    await stubborn.gone();
    const [{ state }] = stubborn.now.status.containerStatuses;
    expect(state.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
  });
  it('take new labels while they run', async () => {
    const before = await simple.ready();
    await simple.patch({ metadata: { labels: { time: 'new' } } });
    const after = await simple.until('the new label', ({ metadata }) => metadata.labels.time === 'new');
    expect(after.metadata.labels).toEqual({ time: 'new', kept: 'yes' });
    expect(after.status.containerStatuses[0].containerID).toBe(before.status.containerStatuses[0].containerID);
  });
  it('take a shorter activeDeadlineSeconds, and fail when it is over', async () => {
    await deadline.ready();
    await deadline.patch({ spec: { activeDeadlineSeconds: 1 } });
    const { status } = await deadline.untilPhase('Failed');
    expect(status).toMatchObject({ reason: 'DeadlineExceeded', message: expect.stringMatching(/deadline/) });
  });
  it('run commands over WebSocket', async () => {
    await simple.ready();
    const command = ['sh', '-c', 'echo remote; echo error >&2'].map((word) => `command=${encodeURIComponent(word)}`);
    const path = `${simple.path}/exec?${command.join('&')}&stdout=1&stderr=1&container=c`;
    const client = session(path, 'v5.channel.k8s.io');
    expect(await client.opened).toBe(true);
    await client.closed;
    expect([client.text(1), client.text(2), client.status().status]).toEqual(['remote\n', 'error\n', 'Success']);
  });
  it('are deleted as a collection', async () => {
    const all = ['a', 'b', 'c'].map((name) => node.later(`set-${name}`, steady(idle()), { labels: { set: 'gone' } }));
    await Promise.all(all.map((pod) => pod.create()));
    await Promise.all(all.map((pod) => pod.ready()));
    await node.api.ask('DELETE', `${collection}?labelSelector=set%3Dgone`);
    await Promise.all(all.map((pod) => pod.gone()));
    expect((await node.api.ask('GET', `${collection}?labelSelector=set%3Dgone`)).items).toEqual([]);
  });
  it('and their status have a life with patch and replace', async () => {
    const pod = node.later('verbs', steady(idle()), { labels: { verbs: 'yes' } });
    await pod.create();
    await pod.ready();
    const gate = { type: 'example.com/gate', status: 'True', reason: 'Patched' };
    await pod.patch({ status: { conditions: [gate] } }, '/status');
    const shown = await pod.until('the condition', ({ status }) => status.conditions.some(isGate));
    expect(shown.status).toMatchObject({
      phase: 'Running',
      conditions: expect.arrayContaining([expect.objectContaining(gate)]),
    });
    const listed = await node.api.ask('GET', '/api/v1/pods?labelSelector=verbs%3Dyes');
    expect(listed.items.map(({ metadata }: Shown) => metadata.name)).toEqual(['verbs']);
    await pod.delete(0);
    await pod.gone();
  });
  it('keep conditions of others in their status', async () => {
    await simple.ready();
    await simple.patch({ status: { conditions: [{ type: 'example.com/gate', status: 'True' }] } }, '/status');
    await simple.patch({ metadata: { labels: { again: 'yes' } } });
    const { status } = await simple.until(
      'both',
      (pod) => pod.metadata.labels.again && pod.status.conditions.some(isGate),
    );
    expect(status.conditions.map(({ type }: Shown) => type)).toContain('Ready');
  });
});

const isGate = ({ type }: Shown): boolean => type === 'example.com/gate';

describe('node: QoS class and generation', () => {
  const equal = { limits: { cpu: '20m', memory: '32Mi' }, requests: { cpu: '20m', memory: '32Mi' } };
  const classes = [
    ['Guaranteed', equal],
    ['Burstable', { requests: { cpu: '10m' } }],
    ['BestEffort', {}],
  ] as const;
  const cases = classes.map(([name, resources]) => {
    return [name, node.pod(`qos-${name.toLowerCase()}`, steady(idle({ resources })))] as const;
  });
  const counted = node.pod('counted', steady(idle()), { generation: 17 });
  const busy = node.pod('busy', steady(idle(), { tolerations: [] }));

  it.each(cases)('the class %s is that of the resources', async (name, pod) => {
    expect((await pod.ready()).status.qosClass).toBe(name);
  });
  it('starts at 1 and grows with each change of the spec alone', async () => {
    await counted.ready();
    expect(counted.changes[0]?.object.metadata.generation).toBe(1);
    const { generation } = counted.now.metadata;
    await counted.patch({ metadata: { labels: { a: 'b' } } });
    expect((await counted.until('the label', ({ metadata }) => metadata.labels?.a)).metadata.generation).toBe(
      generation,
    );
    await counted.patch({ spec: { activeDeadlineSeconds: 5000 } });
    await counted.until('to be observed', ({ status }) => status.observedGeneration === generation + 1);
    expect(counted.now.metadata.generation).toBe(generation + 1);
    expect(
      counted.now.status.conditions.find(({ type }: Shown) => type === 'Ready').observedGeneration,
    ).toBeGreaterThan(0);
  });
  it('grows when the pod is deleted gracefully', async () => {
    const pod = node.later('leaving', steady(sh("trap 'sleep 1; exit 0' TERM; echo up; sleep 3600 & wait; wait")));
    await pod.create();
    await pod.untilLogs(/up/);
    const { generation } = pod.now.metadata;
    await pod.delete(10);
    const ending = await pod.until('the deletion', ({ metadata }) => metadata.deletionTimestamp);
    expect(ending.metadata.generation).toBe(generation + 1);
    await pod.gone();
  });
  it('and what is observed meet after 500 changes', async () => {
    await busy.ready();
    const { generation } = busy.now.metadata;
    for (let count = 1; count <= 500; count += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each change is its own
      await busy.patch({ spec: { activeDeadlineSeconds: 10_000 - count } });
    }
    const meets = ({ status }: Shown): boolean => status.observedGeneration === generation + 500;
    expect((await busy.until('500 changes', meets)).metadata.generation).toBe(generation + 500);
  });
});

describe('node: logs', () => {
  const printing = node.pod('printing', once(sh('echo out; echo err >&2; echo out again')));
  const failing = node.pod('failing', steady(sh('echo trying; exit 4')));
  const numbered = node.pod('numbered', once(sh('for i in $(seq 1 100); do echo line $i; done')));

  it('hold what a container prints', async () => {
    const lines = (await printing.output()).split('\n');
    expect(lines.toSorted()).toEqual(['', 'err', 'out', 'out again']);
  });
  it('of a container that always fails: its status has the reason', async () => {
    const status = await failing.container(
      'to have failed',
      ({ state, lastState }) => state.terminated ?? lastState.terminated,
    );
    expect(status.state.terminated ?? status.lastState.terminated).toMatchObject({ exitCode: 4, reason: 'Error' });
    await failing.container('a restart', ({ restartCount }) => restartCount > 0);
    expect(await failing.logs('c', '&previous=true')).toBe('trying\n');
  });
  it('of a failing pod go when it is deleted', async () => {
    const pod = node.later('failing-too', steady(sh('exit 1')));
    await pod.create();
    await pod.container('to have failed', ({ state, lastState }) => state.terminated ?? lastState.terminated);
    await pod.delete();
    await pod.gone();
  });
  it('are cut by lines, bytes and times', async () => {
    await numbered.untilPhase('Succeeded');
    expect(await numbered.logs('c', '&tailLines=2')).toBe('line 99\nline 100\n');
    expect(await numbered.logs('c', '&limitBytes=4')).toBe('line');
    expect(await numbered.logs('c', '&tailLines=1&timestamps=true')).toMatch(/^\d{4}-\d\d-\d\dT\S+ line 100\n$/);
    await until(async () => (await numbered.logs('c', '&sinceSeconds=1')) === '', { what: 'lines to be old' });
  });
});
