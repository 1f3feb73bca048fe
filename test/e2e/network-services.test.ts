/** Services of every kind across nodes, two of which share a link while the third is behind a router; faults of links and nodes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { callee, callScript, serviceOf, steadyScript, type Call } from './bed/callers.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import { networkState } from './bed/network-state.ts';

jest.setTimeout(120_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const nodes = ['n1', 'n2', 'n3'] as const;
const nodePort = 30_801;
const localNodePort = 30_811;
const externalIp = '192.0.2.10';
const balanced = '10.99.0.200';
const all = ['p1', 'p2', 'p3'];

const objects: readonly object[] = [
  ...nodes.map((node, index) => callee(`p${index + 1}`, node, { app: 'all', ...(index === 1 ? {} : { edge: 'yes' }) })),
  serviceOf('inside', { app: 'all' }, {}),
  serviceOf('ports', { app: 'all' }, { type: 'NodePort', externalIPs: [externalIp] }, nodePort),
  serviceOf('local', { edge: 'yes' }, { type: 'NodePort', externalTrafficPolicy: 'Local' }, localNodePort),
  serviceOf('balanced', { app: 'all' }, { type: 'LoadBalancer' }),
];

suite(`services across nodes${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];
  /** Of the machine of the first node, before there was a cluster. */
  let stateBefore: string[];

  const ask = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const apply = async (items: readonly object[]): Promise<void> => {
    const file = join(bed.directory, 'objects.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await ask('apply', '-f', file);
  };
  const clusterIp = (service: string): Promise<string> =>
    ask('get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}');
  const podIp = (pod: string): Promise<string> => ask('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
  const at = (machine: string): string => bed.machine(machine).address;

  /** Answers as `NAME CLIENT`. From a machine, or from a pod. */
  const call = async (from: string, calls: readonly Call[]): Promise<string[][]> => {
    const args = ['-e', callScript, JSON.stringify(calls)];
    const text = from.startsWith('p')
      ? await ask('exec', from, '--', 'node', ...args)
      : await bed.machine(from).mustExec(process.execPath, args);
    return JSON.parse(text) as string[][];
  };
  const namesOf = (answers: readonly string[]): string[] => [
    ...new Set(answers.map((answer) => answer.split(' ')[0] ?? '')),
  ];
  /** Over both protocols; in so many turns one of three pods is missed once in 10^9 runs. */
  const both = (address: string, ports: readonly [tcp: number, udp: number] = [80, 53]): Call[] => [
    { address, port: ports[0], times: 54 },
    { address, port: ports[1], protocol: 'UDP', times: 54 },
  ];
  const expectAll = async (from: string, calls: readonly Call[], names = all): Promise<void> => {
    const found = (await call(from, calls)).map((answers) => namesOf(answers).join());
    expect([from, ...found]).toEqual([from, ...calls.map(() => names.join())]);
  };
  const ready = (): Promise<unknown> =>
    until(async () => (await ask('get', 'nodes', '--no-headers')).match(/ Ready /g)?.length === nodes.length, {
      what: 'all nodes to be Ready',
      timeoutMs: 60_000,
    });

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: nodes.length, far: ['n3'] });
    stateBefore = await networkState(bed.machine('n1'));
    const config = join(bed.directory, 'timonel.json');
    const pools = [{ name: 'main', addresses: [balanced] }];
    writeFileSync(config, JSON.stringify({ plugins: { 'loadbalancer-pool': { config: { pools } } } }));
    master = await startMaster(bed.machine('m1'), { args: ['--config', config] });
    const args = ['--on-shutdown', 'remove'];
    agents = await Promise.all(nodes.map((name) => startAgent(bed.machine(name), { masters: [master], args })));
    await ready();
    await apply(objects);
    await ask('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
    await bed.client.mustExec('ip', ['route', 'add', externalIp, 'via', at('n1')]);
    const addresses = await Promise.all(['inside', 'ports', 'local', 'balanced'].map(clusterIp));
    const known = async (): Promise<boolean> =>
      (
        await Promise.all(
          nodes.map((node) =>
            call(
              node,
              addresses.flatMap((address) => both(address)),
            ),
          ),
        )
      )
        .flat()
        .every((answers) => !answers.includes('nobody'));
    await until(known, { what: 'the services to be known on all nodes', timeoutMs: 30_000 });
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('pods reach pods of all nodes under their own addresses', async () => {
    const addresses = await Promise.all(all.map(podIp));
    for (const [index, pod] of all.entries()) {
      const calls = addresses.map((address) => ({ address, port: 8080 }));
      expect(await call(pod, calls)).toEqual(all.map((name) => [`${name} ${addresses[index]}`]));
    }
  });

  it('every kind of service leads to the pods of all nodes, from pods, from nodes and from outside', async () => {
    const inside = await clusterIp('inside');
    const ports = nodes.flatMap((node) => both(at(node), [nodePort, nodePort + 1]));
    const outer = [...ports, ...both(balanced)];
    for (const from of all) await expectAll(from, [...both(inside), ...outer, ...both(externalIp)]);
    for (const from of nodes) await expectAll(from, [...both(inside), ...outer]);
    await expectAll('client', [...outer, ...both(externalIp)]);
  });

  it('externalTrafficPolicy Local: pods of the node alone, and they see who asks; without any there is no answer', async () => {
    const calls = nodes.flatMap((node) => both(at(node), [localNodePort, localNodePort + 1]));
    const [one, two, three] = [[`p1 ${at('client')}`], ['nobody'], [`p3 ${at('client')}`]];
    expect(await call('client', calls)).toEqual([one, one, two, two, three, three]);
    await expectAll('p2', both(await clusterIp('local')), ['p1', 'p3']);
  });

  it('a link that is cut cuts off what is behind it alone, and heals', async () => {
    const [, , third = ''] = await Promise.all(all.map(podIp));
    await bed.cut('n1', 'n3');
    const toThird = [{ address: third, port: 8080 }];
    expect(await call('p1', toThird)).toEqual([['nobody']]);
    expect(namesOf((await call('p2', toThird))[0] ?? [])).toEqual(['p3']);
    await bed.heal();
    await until(async () => namesOf((await call('p1', toThird))[0] ?? [])[0] === 'p3', { what: 'n3 to be reached' });
  });

  it('UDP clients that go on from one port are moved off a pod that is gone', async () => {
    const address = await clusterIp('inside');
    const steady = (machine: string, to: string, port: number): ReturnType<Bed['client']['spawn']> =>
      bed.machine(machine).spawn(process.execPath, ['-e', steadyScript, to, `${port}`]);
    // So many that each pod has some.
    const clients = await Promise.all([
      ...Array.from({ length: 8 }, () => steady('n1', address, 53)),
      ...Array.from({ length: 8 }, () => steady('client', at('n2'), nodePort + 1)),
    ]);
    for (const client of clients) await client.says(/^p\d /m);
    const [first] = clients.map(({ stdout }) => stdout.split(' ')[0]).filter((name) => name === 'p1' || name === 'p3');
    const gone = first ?? '';
    const moved = clients.filter(({ stdout }) => stdout.startsWith(gone));
    expect(moved.length).toBeGreaterThan(0);
    await ask('delete', 'pod', gone, '--timeout=30s');
    for (const client of moved) await client.says(/\np\d /);
    await Promise.all(clients.map((client) => client.kill9()));
    await apply(objects);
    await ask('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
  });

  it('a node that lost its power comes back, and its pod with it', async () => {
    const inside = both(await clusterIp('inside'));
    const machine = bed.machine('n3');
    await machine.powerOff();
    await machine.powerOn();
    await startAgent(machine);
    await until(() => expectAll('n1', inside).then(() => true), {
      what: 'the pods of all nodes to answer',
      timeoutMs: 60_000,
      intervalMs: 200,
    });
    await expectAll('n3', inside);
  });

  it('a node that ends, with its pods, leaves the network of its machine as it was', async () => {
    const [first] = agents;
    expect(await networkState(bed.machine('n1'))).not.toEqual(stateBefore);
    await first?.process.stop();
    expect(await networkState(bed.machine('n1'))).toEqual(stateBefore);
  });
});
