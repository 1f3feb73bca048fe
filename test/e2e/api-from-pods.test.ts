/** The API from within pods of a cluster whose server listens on loopback: by its name and its address, with the cluster's certificate. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { apiPod, apiPodObjects } from '../support/api-pod.ts';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const objects = [
  ...apiPodObjects,
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'nothing' },
    spec: { podSelector: { matchLabels: { name: 'isolated' } }, policyTypes: ['Ingress', 'Egress'] },
  },
];
const pods = [
  apiPod('plain'),
  apiPod('on-host', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
  // Traffic with the own node is always allowed.
  apiPod('isolated'),
];
const names = ['isolated', 'on-host', 'plain'];

const proxies = [
  ['nftables', []],
  ['userspace', ['--disable', 'proxy-nftables', '--enable', 'proxy-userspace']],
] as const;

describe.each(proxies)('the API from within pods, with proxy-%s', (_, args) => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (words: readonly string[], input = ''): Promise<string> => {
    const { status, stdout, stderr } = await cluster.kubectl(words, { input });
    if (status !== 0) throw new Error(`kubectl ${words.join(' ')} failed: ${stderr}`);
    return stdout.trim();
  };

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start({ args });
    await ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...objects, ...pods] }));
  });
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  });

  it.each(names)('%s: it answers at its name and its address', async (name) => {
    const phase = (): Promise<string> => ok(['get', 'pod', name, '-o', 'jsonpath={.status.phase}']);
    const said = async (): Promise<string> => (await cluster.kubectl(['logs', name])).stdout;
    let last = '';
    await until(async () => (await phase()) === 'Succeeded' || ((last = await said()), false), {
      what: () => `the pod ${name} to be answered; it says ${last}`,
      timeoutMs: 30_000,
    });
    const [version, major, status, listed] = JSON.parse((await said()).trim().split('\n').at(-1) ?? '') as unknown[];
    expect([version, major, status]).toEqual([200, '1', 200]);
    expect(listed).toEqual(expect.arrayContaining(names));
  });

  it('endpoints and slice are named after the service, and lead to the address of the node in the pod network', async () => {
    const node = await ok(['get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[*].addresses[*].ip}']);
    expect(node).toMatch(/^10\.210\.\d+\.1$/);
    const inSlice = await ok(['get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[*]}']);
    expect(inSlice).toBe(node);
  });
});
