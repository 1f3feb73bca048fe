import { describe, expect, it } from '@jest/globals';
import type { NodeTables, Traffic } from '@timonel/sdk/contracts/why';
import type { EndpointSlice, Labels, NetworkPolicy, Node, Pod, Service } from '@timonel/sdk/kube';
import { keyOf, type Scene, type ServiceEnd } from './scene.ts';
import { trafficOf } from './traffic.ts';

interface PodOptions {
  readonly node?: string;
  readonly labels?: Labels;
  readonly namespace?: string;
  readonly hostNetwork?: boolean;
  readonly phase?: string;
}

function pod(name: string, address: string | undefined, options: PodOptions = {}): Pod {
  const { node = 'n1', labels = { app: name }, namespace = 'default', hostNetwork, phase = 'Running' } = options;
  return {
    metadata: { namespace, name, uid: name, labels },
    spec: {
      nodeName: node,
      ...(hostNetwork === undefined ? {} : { hostNetwork }),
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
    status: { phase, ...(address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }) },
  };
}

const machine = (name: string, address: string, ready = 'True'): [string, Node] => [
  name,
  {
    metadata: { name },
    spec: { podCIDR: `10.244.${name.slice(1)}.0/24` },
    status: {
      addresses: [{ type: 'InternalIP', address }],
      conditions: [{ type: 'Ready', status: ready }],
    } as Node['status'] & object,
  },
];

const client = pod('client', '10.244.1.5');
const near = pod('near', '10.244.1.6', { labels: { app: 'web' } });
const far = pod('far', '10.244.2.7', { node: 'n2', labels: { app: 'web', tier: 'far' } });

const policy = (name: string, spec: NetworkPolicy['spec']): NetworkPolicy => ({
  metadata: { namespace: 'default', name },
  spec,
});
const denyAll = policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
const toWeb = policy('to-web', {
  podSelector: { matchLabels: { app: 'client' } },
  policyTypes: ['Egress'],
  egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 8080 }] }],
});
const fromClient = policy('from-client', {
  podSelector: { matchLabels: { app: 'web' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
});

function web(conditions: readonly object[], spec: Partial<Service['spec']> = {}): ServiceEnd {
  const service: Service = {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      clusterIP: '10.96.0.9',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      ...spec,
    },
  };
  const pods = [near, far];
  const endpoints = conditions.map((one, index) => {
    const target = pods[index] ?? near;
    return {
      addresses: [target.status?.podIP ?? ''],
      conditions: one,
      nodeName: target.spec.nodeName ?? '',
      targetRef: { kind: 'Pod', namespace: 'default', name: target.metadata.name ?? '' },
    };
  });
  const slice = {
    metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  } as EndpointSlice;
  return { kind: 'service', service, slices: [slice], pods: new Map(pods.map((one) => [keyOf(one), one])) };
}

function ask(scene: Partial<Scene>): Traffic {
  return trafficOf({
    from: { kind: 'pod', pod: client },
    to: { kind: 'pod', pod: far },
    protocol: 'TCP',
    port: '8080',
    policies: [],
    namespaces: new Map([['default', {}]]),
    nodes: new Map([machine('n1', '192.0.2.1'), machine('n2', '192.0.2.2')]),
    tables: [],
    ...scene,
  });
}

const ready = { ready: true };
const ended = { ready: false, serving: true, terminating: true };

describe('to a pod', () => {
  it('passes where no policy selects anybody, and says which way', () => {
    const answer = ask({});
    expect(answer).toMatchObject({ outcome: 'passes', port: 8080, summary: 'nothing keeps it from pod default/far' });
    const [path] = answer.paths;
    expect(path?.route).toBe('from node n1 to node n2 (192.0.2.2, pods 10.244.2.0/24)');
    expect(path?.rules).toEqual([
      { direction: 'egress', pod: 'default/client', node: 'n1', allowed: true, policies: [] },
      { direction: 'ingress', pod: 'default/far', node: 'n2', allowed: true, policies: [] },
    ]);
  });

  it('is dropped by the end that has no policy for it, and names the policies', () => {
    const sent = ask({ policies: [denyAll, fromClient] });
    expect(sent).toMatchObject({
      outcome: 'dropped',
      summary: 'pod default/client may not send it: none of default/deny allows it',
    });
    const received = ask({ policies: [denyAll, toWeb] });
    expect(received.summary).toBe('pod default/far may not receive it: none of default/deny allows it');
    expect(received.paths[0]?.rules[0]).toMatchObject({ allowed: true, by: 'default/to-web' });
    expect(ask({ policies: [denyAll, toWeb, fromClient] }).outcome).toBe('passes');
    expect(ask({ policies: [denyAll, toWeb, fromClient], port: '81' }).outcome).toBe('dropped');
  });

  it('takes the port by name, or the only one, and asks where it is not clear', () => {
    expect(ask({ port: 'http' }).port).toBe(8080);
    expect(ask({ port: undefined }).port).toBe(8080);
    expect(() => ask({ port: 'metrics' })).toThrow('name the port: pod far has http 8080/TCP');
    expect(() => ask({ port: undefined, protocol: 'UDP' })).toThrow('name the port');
    expect(() => ask({ port: '0', to: { kind: 'address', address: '192.0.2.9' } })).toThrow('a port from 1 to 65535');
  });

  it('reaches itself and its own node whatever policies say', () => {
    const policies = [denyAll];
    const self = ask({ policies, to: { kind: 'pod', pod: client } });
    expect(self).toMatchObject({ outcome: 'passes', paths: [{ notes: ['a pod always reaches itself'] }] });
    const host = pod('agent', '192.0.2.1', { hostNetwork: true });
    const own = ask({ policies, to: { kind: 'pod', pod: host } });
    expect(own.outcome).toBe('passes');
    expect(own.paths[0]?.notes).toEqual(['a pod and its own node always reach each other, whatever policies say']);
    const other = { kind: 'address', address: '192.0.2.2', node: 'n2' } as const;
    expect(ask({ policies, to: other }).outcome).toBe('dropped');
    expect(ask({ policies, from: other, to: { kind: 'pod', pod: client } }).outcome).toBe('dropped');
    expect(ask({ policies, from: other, to: { kind: 'pod', pod: far } }).outcome).toBe('passes');
  });

  it('does not count what no node enforces', () => {
    const tables: NodeTables[] = [{ node: 'n1', ready: true }];
    const answer = ask({ policies: [denyAll, fromClient], tables });
    expect(answer.outcome).toBe('passes');
    expect(answer.paths[0]?.notes).toEqual(['node n1 enforces no policies: they do not count there']);
    const unknown: NodeTables[] = [{ node: 'n1', ready: true, problem: 'it gave no answer' }];
    expect(ask({ policies: [denyAll, fromClient], tables: unknown }).outcome).toBe('dropped');
  });

  it('is not known while one of them has no address, or has ended', () => {
    expect(ask({ to: { kind: 'pod', pod: pod('late', undefined) } })).toMatchObject({
      outcome: 'unknown',
      summary: 'the pod late, to which it goes, has no address yet: see `timonel why pod/late`',
    });
    const over = pod('job', '10.244.1.9', { phase: 'Succeeded' });
    expect(ask({ from: { kind: 'pod', pod: over } }).summary).toContain('has ended');
    const nodes = new Map([machine('n1', '192.0.2.1'), machine('n2', '192.0.2.2', 'Unknown')]);
    expect(ask({ nodes }).paths[0]?.notes).toEqual(['node n2 is not Ready']);
  });
});

describe('to a service', () => {
  it('goes to the endpoints that are ready, each with its own verdict', () => {
    const all = ask({ to: web([ready, ready]), port: '80' });
    expect(all).toMatchObject({
      outcome: 'passes',
      summary: 'nothing keeps it from any of the 2 endpoints that are used',
      service: { type: 'ClusterIP', port: 'http 80 -> 8080' },
      to: { kind: 'service', addresses: ['10.96.0.9'] },
    });
    const farOnly = policy('far', { podSelector: { matchLabels: { tier: 'far' } }, policyTypes: ['Ingress'] });
    const partly = ask({ to: web([ready, ready]), port: 'http', policies: [farOnly] });
    expect(partly).toMatchObject({
      outcome: 'partly',
      summary: 'to 1 of 2 endpoints; else pod default/far may not receive it: none of default/far allows it',
    });
    expect(partly.paths.map(({ pod: name, outcome }) => [name, outcome])).toEqual([
      ['default/near', 'passes'],
      ['default/far', 'dropped'],
    ]);
  });

  it('shows endpoints that are not used, and uses those that end where none is ready', () => {
    const answer = ask({ to: web([{ ready: false }, ready]), port: '80' });
    expect(answer.paths.map(({ pod: name, used, state }) => [name, used, state])).toEqual([
      ['default/far', true, 'ready'],
      ['default/near', false, 'not ready'],
    ]);
    expect(ask({ to: web([ended, { ready: false }]), port: '80' }).paths[0]).toMatchObject({
      used: true,
      state: 'serving',
    });
  });

  it('reaches the API on its own node whatever policies say', () => {
    const api: ServiceEnd = web([], { selector: {}, ports: [{ name: 'https', port: 443 }] });
    const endpoint = { addresses: ['10.244.1.1'], conditions: ready, nodeName: 'n1' };
    const [slice] = api.slices as [EndpointSlice];
    const ports = [{ name: 'https', port: 6443, protocol: 'TCP' }];
    const to = { ...api, slices: [{ ...slice, ports, endpoints: [endpoint] }] };
    expect(ask({ to, port: '443', policies: [denyAll] })).toMatchObject({
      outcome: 'passes',
      paths: [{ route: 'stays on node n1', notes: [expect.stringContaining('its own node')] }],
    });
  });

  it('is refused at once without endpoints or port, and dropped where a policy of traffic keeps it local', () => {
    expect(ask({ to: web([{ ready: false }]), port: '80' })).toMatchObject({
      outcome: 'refused',
      summary: 'none of its 1 endpoints is ready',
    });
    expect(ask({ to: web([]), port: '80' }).summary).toContain('no pod with app=web has an address');
    expect(ask({ to: web([ready]), port: '81' })).toMatchObject({
      outcome: 'refused',
      summary: 'the service has no port 81/TCP; its ports: http 80/TCP',
    });
    const local = web([{ ready: false }, ready], { internalTrafficPolicy: 'Local' });
    expect(ask({ to: local, port: '80' })).toMatchObject({ outcome: 'dropped', paths: [{ used: false }, {}] });
  });

  it('leads nowhere when it is a name for something outside, and to all that are ready when it is headless', () => {
    const name = web([], { type: 'ExternalName', externalName: 'a.example', ports: [] });
    expect(ask({ to: name }).summary).toContain('it is another name for a.example');
    const headless = ask({ to: web([ready, { ready: false }], { clusterIP: 'None' }), port: '80' });
    expect(headless).toMatchObject({ outcome: 'passes', service: { type: 'headless' } });
    expect(headless.paths.map(({ used }) => used)).toEqual([true, false]);
  });
});
