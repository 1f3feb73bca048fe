/** A cluster whose pods and services have addresses of IPv6 alone, on machines that have both. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { apiPod, apiPodObjects } from '../support/api-pod.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { callee, callScript, serviceOf, type Call } from './bed/callers.ts';
import { joinToken, kubectl, startAgent, startMaster, timonel, type Agent, type Master } from './bed/cluster.ts';
import type { Machine } from './bed/machine.ts';
import { networkState } from './bed/network-state.ts';
import { checkPolicyMatrix, matrixPods } from './bed/policy-matrix.ts';

jest.setTimeout(120_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const nodePort = 30_841;
const ranges = ['--cluster-cidr', 'fd00:10:244::/56', '--service-cidr', 'fd00:10:96::/108'];
/** Beside its address of IPv4, which has the same end. */
const ipv6Of = ({ address }: Machine): string => `fd99::${address.split('.').at(-1)}`;

suite(`a cluster of IPv6 alone${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];
  let stateBefore: string[];

  const said = (): string => agents.map(({ process }) => process.output).join('\n');
  const ask = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args, { timeoutMs: 70_000 });
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const apply = async (items: readonly object[]): Promise<void> => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { status, stderr } = await kubectl(bed, master, ['apply', '-f', '-'], { input });
    if (status !== 0) throw new Error(stderr);
  };
  const read = (kind: string, path: string): Promise<string> =>
    ask('get', ...kind.split(' '), '-o', `jsonpath={${path}}`);
  const namesOf = (answers: readonly (readonly string[])[]): string[] =>
    answers.map((each) => [...new Set(each.map((answer) => answer.split(' ')[0]))].join());
  const call = async (from: string, calls: readonly Call[]): Promise<string[][]> => {
    const args = ['-e', callScript, JSON.stringify(calls)];
    const text =
      from === 'client' || from.startsWith('n')
        ? await bed.machine(from).mustExec(process.execPath, args)
        : await ask('exec', from, '--', 'node', ...args);
    return JSON.parse(text) as string[][];
  };
  const both = (address: string, ports: readonly [tcp: number, udp: number] = [80, 53]): Call[] => [
    { address, port: ports[0], times: 32 },
    { address, port: ports[1], protocol: 'UDP', times: 32 },
  ];

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    for (const machine of bed.machines) {
      // Routers ask for neighbours from an address of the link, which machines have elsewhere.
      const addresses = [ipv6Of(machine), ipv6Of(machine).replace('fd99', 'fe80')];
      for (const each of addresses) await machine.mustExec('ip', ['addr', 'add', `${each}/64`, 'dev', 'eth0', 'nodad']);
    }
    stateBefore = await networkState(bed.machine('n1'));
    const config = join(bed.directory, 'timonel.json');
    const pools = [{ name: 'main', addresses: ['fd99::200/125'] }];
    writeFileSync(config, JSON.stringify({ plugins: { 'loadbalancer-pool': { config: { pools } } } }));
    const args = [...ranges, '--advertise-address', 'fd99::11', '--config', config];
    master = await startMaster(bed.machine('m1'), { args });
    agents = await Promise.all(
      ['n1', 'n2'].map((name) => {
        const machine = bed.machine(name);
        const args = ['--node-address', ipv6Of(machine), '--on-shutdown', 'remove'];
        return startAgent(machine, { masters: [master], args });
      }),
    );
    await until(async () => (await ask('get', 'nodes', '--no-headers')).match(/ Ready /g)?.length === 2, {
      what: () => `two nodes to be Ready: ${said()}`,
      timeoutMs: 60_000,
    });
    await apply([
      callee('p1', 'n1', { app: 'all' }),
      callee('p2', 'n2', { app: 'all' }),
      serviceOf('all', { app: 'all' }, { type: 'NodePort' }, nodePort),
      ...apiPodObjects,
      ...matrixPods,
    ]);
    await ask('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('nodes, pods, services and their endpoints have addresses of no other family', async () => {
    const paths = [
      ['nodes', '.items[*].spec.podCIDRs[*]'],
      ['nodes', '.items[*].status.addresses[?(@.type=="InternalIP")].address'],
      ['pods', '.items[*].status.podIPs[*].ip'],
      ['pods', '.items[*].status.hostIPs[*].ip'],
      ['services -A', '.items[*].spec.clusterIPs[*]'],
      ['endpointslices -A', '.items[*].endpoints[*].addresses[*]'],
    ] as const;
    for (const [kind, path] of paths) {
      const found = (await read(kind, path)).split(' ');
      expect({ path, found }).toEqual({ path, found: found.map(() => expect.stringMatching(/^fd[09][09]:/)) });
    }
    expect(await read('services -A', '.items[*].spec.ipFamilies[*]')).toMatch(/^IPv6( IPv6)*$/);
  });

  it('pods reach each other across nodes, and services, from everywhere', async () => {
    const address = await read('service all', '.spec.clusterIP');
    const pods = (await Promise.all(['p1', 'p2'].map((name) => read(`pod ${name}`, '.status.podIP')))) as [
      string,
      string,
    ];
    for (const [index, from] of ['p1', 'p2'].entries()) {
      const calls = pods.map((pod) => ({ address: pod, port: 8080 }));
      expect(await call(from, calls)).toEqual([[`p1 ${pods[index]}`], [`p2 ${pods[index]}`]]);
    }
    const nodePorts = ['n1', 'n2'].flatMap((name) => both(ipv6Of(bed.machine(name)), [nodePort, nodePort + 1]));
    for (const [from, calls] of [
      ['p1', [...both(address), ...nodePorts]],
      ['n2', [...both(address), ...nodePorts]],
      ['client', nodePorts],
    ] as const) {
      expect([from, ...namesOf(await call(from, calls))]).toEqual([from, ...calls.map(() => 'p1,p2')]);
    }
  });

  it('names lead to addresses of IPv6 and to no others, and the API is reached by its name', async () => {
    const script = `const { resolve4, resolve6 } = require('node:dns').promises;
      const name = 'all.default.svc.cluster.local';
      Promise.all([resolve6(name), resolve4(name).catch((error) => error.code)]).then((all) => console.log(all.flat().join()));`;
    const address = await read('service all', '.spec.clusterIP');
    expect(await ask('exec', 'p1', '--', 'node', '-e', script)).toBe(`${address},ENODATA`);
    await apply(['n1', 'n2'].map((nodeName) => apiPod(`asks-${nodeName}`, { nodeName })));
    const phases = (): Promise<string> =>
      ask('get', 'pods', 'asks-n1', 'asks-n2', '-o', 'jsonpath={.items[*].status.phase}');
    await until(async () => (await phases()) === 'Succeeded Succeeded', {
      what: 'pods to be answered',
      timeoutMs: 30_000,
    });
  });

  it('policies hold, whichever peers and ports they name', async () => {
    const passed = await checkPolicyMatrix({ ask, apply });
    // Neither all nor none of 15.
    expect(new Set(passed).size).toBe(passed.length);
    await ask('delete', 'networkpolicies', '--all');
  });

  it('net check finds everything reached', async () => {
    const { status, stdout } = await timonel(master.machine, ['net', 'check', '--kubeconfig', master.kubeconfig]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('All 20 checks between 2 nodes are ok.')]);
  });

  it('one node answers for the address of a load balancer, another takes over, and neighbours follow at once', async () => {
    await apply([serviceOf('balanced', { app: 'all' }, { type: 'LoadBalancer' })]);
    const address = await until(() => read('service balanced', '.status.loadBalancer.ingress[*].ip'), {
      what: 'the address',
      timeoutMs: 30_000,
    });
    expect(address).toBe('fd99::201');
    const isWith = async (holder: string): Promise<void> => {
      const other = holder === 'n1' ? 'n2' : 'n1';
      const exclude = 'node.kubernetes.io/exclude-from-external-load-balancers';
      await ask('label', 'node', other, `${exclude}=`);
      await ask('label', 'node', holder, `${exclude}-`);
      const link = await bed.machine(holder).mustExec('ip', ['-o', 'link', 'show', 'eth0']);
      const [, mac = 'no link'] = /link\/ether (\S+)/.exec(link) ?? [];
      const isKnown = async (): Promise<boolean> => {
        await call('client', [{ address, port: 80 }]);
        return (await bed.machine('client').mustExec('ip', ['-6', 'neigh', 'show', address])).includes(mac);
      };
      await until(isKnown, { what: () => `${address} to be at ${holder}: ${said()}`, timeoutMs: 20_000 });
      expect(namesOf(await call('client', both(address)))).toEqual(['p1,p2', 'p1,p2']);
      const isGone = async (): Promise<boolean> =>
        !(await bed.machine(other).mustExec('ip', ['-6', 'address'])).includes(`${address}/`);
      await until(isGone, { what: () => `${address} to leave ${other}: ${said()}` });
    };
    await isWith('n2');
    await isWith('n1');
  });

  it('refuses a machine with an address of IPv4, and says what to give', async () => {
    const { machine } = master;
    const args = ['agent', '--data-dir', `${bed.client.home}/data`, '--server', master.url, '--node-name', 'no'];
    const token = await joinToken(master, 'agent');
    const joined = await timonel(bed.client, [...args, '--token', token, '--node-address', bed.client.address]);
    expect([machine.name, joined.status]).toEqual(['m1', 2]);
    expect(joined.stderr).toContain('10.99.0.2 is none: give --node-address with the IPv6 address');
  });

  it('leaves the network of a node as it was', async () => {
    const [{ process, machine }] = agents as [Agent];
    await process.stop();
    expect(await networkState(machine)).toEqual(stateBefore);
  });
});
