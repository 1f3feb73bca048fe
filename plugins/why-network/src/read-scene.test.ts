import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import type { Versions } from './node-tables.ts';
import { readScene, type EndName, type Question, type MayAsk } from './read-scene.ts';

const meta = (name: string, resourceVersion: string, more: object = {}): KubeObject['metadata'] => ({
  namespace: 'default',
  name,
  resourceVersion,
  ...more,
});
const podAt = (name: string, ip: string, node: string): object => ({
  metadata: meta(name, '7'),
  spec: { nodeName: node, containers: [] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});

const objects: Readonly<Record<string, readonly object[]>> = {
  pods: [podAt('a', '10.244.1.5', 'n1'), podAt('b', '10.244.2.5', 'n2')],
  services: [{ metadata: meta('api', '9'), spec: { clusterIP: '10.96.0.1', ports: [{ port: 443 }] } }],
  endpointslices: [
    { metadata: meta('api', '11'), addressType: 'IPv4', endpoints: [{ addresses: ['10.244.3.1'], nodeName: 'n3' }] },
    { metadata: meta('api-2', '10'), addressType: 'IPv4', endpoints: [] },
  ],
  networkpolicies: [{ metadata: meta('deny', '4'), spec: { podSelector: {} } }],
  namespaces: [{ metadata: { name: 'default', resourceVersion: '2', labels: { team: 'x' } } }],
  nodes: ['n1', 'n2', 'n3'].map((name, index) => ({
    metadata: { name },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: `192.0.2.${index + 1}` }] },
  })),
};

const api = {
  get: async ({ resource }: { resource: string }, { name }: { name: string }) => {
    const found = (objects[resource] as KubeObject[]).find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new ApiError('NotFound', `${resource} "${name}" not found`);
    return found;
  },
  list: async ({ resource }: { resource: string }, { fieldSelector }: { fieldSelector?: string } = {}) => {
    const ip = fieldSelector?.replace('status.podIP=', '');
    const all = (objects[resource] ?? []) as { status?: { podIP?: string } }[];
    return { items: ip === undefined ? all : all.filter(({ status }) => status?.podIP === ip) };
  },
} as unknown as ApiClient;

const end = (kind: EndName['kind'], name: string): EndName => ({ kind, namespace: 'default', name });

async function read(from: EndName, to: EndName, mayAsk: MayAsk = () => Promise.resolve(true)) {
  const asked: [string, Versions][] = [];
  const question: Question = { from, to, protocol: 'TCP', port: '443' };
  const scene = await readScene(
    {
      api,
      tablesOf: async (node, _, wanted) => {
        asked.push([node, wanted]);
        return { node, ready: true };
      },
    },
    question,
    mayAsk,
  );
  return { scene, asked };
}

describe('what is read for a question', () => {
  it('are the ends, what counts for them, and the nodes of both, with the versions that they should have', async () => {
    const { scene, asked } = await read(end('pods', 'a'), end('services', 'api'));
    expect([...scene.nodes.keys()]).toEqual(['n1', 'n3']);
    const wanted = { services: '9', endpointslices: '11', networkpolicies: '4', namespaces: '2', pods: '7' };
    expect(asked).toEqual([
      ['n1', wanted],
      ['n3', wanted],
    ]);
    expect([...scene.namespaces]).toEqual([['default', { team: 'x' }]]);
  });

  it('an address is that of a pod, a service or a node where one has it', async () => {
    const kindOf = async (address: string): Promise<unknown> => {
      const { to } = (await read(end('pods', 'a'), end('addresses', address))).scene;
      return to.kind === 'address'
        ? [to.kind, to.node]
        : to.kind === 'pod'
          ? to.pod.metadata.name
          : to.service.metadata.name;
    };
    expect(await kindOf('10.244.2.5')).toBe('b');
    expect(await kindOf('10.96.0.1')).toBe('api');
    expect(await kindOf('192.0.2.2')).toEqual(['address', 'n2']);
    expect(await kindOf('203.0.113.9')).toEqual(['address', undefined]);
    await expect(kindOf('a.example')).rejects.toThrow('"a.example" is not an IP address');
  });

  it('nothing is told of what the one who asks may not ask about', async () => {
    const senderOnly: MayAsk = (kind) => Promise.resolve(kind === 'pods');
    await expect(read(end('pods', 'a'), end('services', 'api'), senderOnly)).rejects.toMatchObject({
      reason: 'Forbidden',
      message: expect.stringContaining('services/traffic of why.timonel.dev'),
    });
    const nobody: MayAsk = (kind, namespace) => Promise.resolve(kind === 'pods' && namespace === 'elsewhere');
    await expect(read(end('pods', 'a'), end('addresses', '203.0.113.9'), nobody)).rejects.toMatchObject({
      reason: 'Forbidden',
    });
    // Whoever has the address is not told: it is an address like any other.
    const { scene } = await read(end('pods', 'a'), end('addresses', '10.96.0.1'), senderOnly);
    expect(scene.to).toEqual({ kind: 'address', address: '10.96.0.1' });
  });

  it('nothing is sent by a service, or by a pod that is not there', async () => {
    const to = end('pods', 'b');
    await expect(read(end('services', 'api'), to)).rejects.toThrow('a service sends nothing');
    await expect(read(end('pods', 'none'), to)).rejects.toThrow('pods "none" not found');
  });
});
