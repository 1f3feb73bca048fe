/** Services on machines of their own: one node answers for the address of a load balancer, whichever node the pods are on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Master } from './bed/cluster.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const nodes = ['n1', 'n2'] as const;
const nodePort = 30_877;

/** Answers with the name of its node. */
function pod(node: string): object {
  const serve = `require('http').createServer((q, a) => a.end('${node} ')).listen(8080, '0.0.0.0')`;
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  const container = { name: 'app', image: 'timonel.local/node:host', command: ['node', '-e', serve], readinessProbe };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `on-${node}`, labels: { app: 'web' } },
    spec: { nodeName: node, terminationGracePeriodSeconds: 1, containers: [container] },
  };
}

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort }] },
};

suite(`services on several machines${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;

  const ask = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  /** Who answers the machine of the client there, in 30 connections. */
  const whoAnswers = async (address: string): Promise<string> => {
    const script = `(async () => { const seen = new Set(); for (let i = 0; i < 30; i++) seen.add(await fetch(process.argv[1], { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) }).then((a) => a.text(), () => 'nobody ')); console.log([...seen].sort().join('')); })()`;
    return (await bed.machine('client').mustExec(process.execPath, ['-e', script, `http://${address}/`])).trim();
  };
  const holdersOf = async (address: string): Promise<string[]> => {
    const all = await Promise.all(
      nodes.map(async (name) => {
        const text = await bed.machine(name).mustExec('ip', ['-o', '-4', 'address']);
        return text.includes(` ${address}/32 `) ? [name] : [];
      }),
    );
    return all.flat();
  };

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    const config = join(bed.directory, 'timonel.json');
    const pools = [{ name: 'main', addresses: ['10.99.0.200-10.99.0.205'] }];
    writeFileSync(config, JSON.stringify({ plugins: { 'loadbalancer-pool': { config: { pools } } } }));
    master = await startMaster(bed.machine('m1'), { args: ['--config', config] });
    await Promise.all(nodes.map((name) => startAgent(bed.machine(name), { masters: [master] })));
    await until(async () => (await ask('get', 'nodes', '--no-headers')).match(/ Ready /g)?.length === 2, {
      what: 'two nodes to be Ready',
      timeoutMs: 60_000,
    });
    const file = join(bed.directory, 'services.json');
    const items = [service, ...nodes.map(pod)];
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await ask('apply', '-f', file);
    await ask('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('a node port leads to the pods of all nodes, at each node', async () => {
    for (const name of nodes) {
      await until(async () => (await whoAnswers(`${bed.machine(name).address}:${nodePort}`)) === 'n1 n2', {
        what: `the pods of both nodes to answer at ${name}`,
        timeoutMs: 60_000,
      });
    }
  });

  it('one node answers for the address of the load balancer, and another takes over when it may no more', async () => {
    const address = await until(
      () => ask('get', 'service', 'web', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
      { what: 'the address' },
    );
    expect(address).toBe('10.99.0.200');
    const [first] = await until(
      async () => {
        const holders = await holdersOf(address);
        return holders.length === 1 ? holders : undefined;
      },
      { what: 'one node to hold the address', timeoutMs: 30_000 },
    );
    await until(async () => (await whoAnswers(address)) === 'n1 n2', { what: 'the pods to answer', timeoutMs: 30_000 });
    await ask('label', 'node', first ?? '', 'node.kubernetes.io/exclude-from-external-load-balancers=');
    const other = nodes.find((name) => name !== first);
    await until(async () => (await holdersOf(address)).join() === other, { what: 'the other node to hold it' });
    await bed.machine('client').mustExec('ip', ['neigh', 'flush', 'all']);
    expect(await whoAnswers(address)).toBe('n1 n2');
    await ask('delete', 'service', 'web', '--timeout=20s');
    await until(async () => (await holdersOf(address)).length === 0, { what: 'the address to go' });
  });
});
