/** A master and two nodes on machines of their own: nodes get ranges of addresses, and pods reach each other over the network. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import { controlGroupsOf } from './bed/leftovers.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;

suite(`a cluster on several machines${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];

  const ask = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'));
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master] })));
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  const said = (): string => agents.map(({ process }) => process.output).join('\n');

  it('gives each node a range of its own and a route to the other', async () => {
    await until(async () => (await ask('get', 'nodes', '--no-headers')).match(/ Ready /g)?.length === 2, {
      what: () => `two nodes to be Ready: ${said()}`,
      timeoutMs: 60_000,
    });
    const ranges = (await ask('get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}')).split(' ');
    expect([...ranges].sort()).toEqual(['10.244.0.0/24', '10.244.1.0/24']);
    const routes = async (name: string): Promise<string> =>
      (await bed.machine(name).mustExec('ip', ['-4', 'route', 'show', 'proto', '84'])).trim();
    await until(async () => (await routes('n1')) !== '' && (await routes('n2')) !== '', { what: 'the routes' });
    expect(await routes('n1')).toBe(`${ranges[1]} via ${bed.machine('n2').address} dev eth0`);
    expect(await routes('n2')).toBe(`${ranges[0]} via ${bed.machine('n1').address} dev eth0`);
  });

  it('lets a pod reach one on another node under its own address', async () => {
    const script = `require('http').createServer((q, a) => a.end(q.socket.remoteAddress)).listen(8080, '0.0.0.0')`;
    const call = `const go = () => require('http').get('http://' + process.argv[1] + ':8080', (a) => a.on('data', (d) => console.log('' + d))).on('error', () => setTimeout(go, 200)); go(); setInterval(() => {}, 1000)`;
    const run = (name: string, node: string, ...args: string[]): Promise<string> =>
      ask(
        'run',
        name,
        '--image=timonel.local/node:host',
        `--overrides={"spec":{"nodeName":"${node}"}}`,
        '--command',
        '--',
        'node',
        ...args,
      );
    const addressOf = async (name: string): Promise<string> =>
      until(() => ask('get', 'pod', name, '-o', 'jsonpath={.status.podIP}'), {
        what: () => `the address of pod ${name}: ${said()}`,
        timeoutMs: 60_000,
      });
    await run('server', 'n1', '-e', script);
    await run('client', 'n2', '-e', call, await addressOf('server'));
    const client = await addressOf('client');
    // What the server saw as its client.
    await until(async () => (await ask('logs', 'client')).trim() === client, {
      what: 'the pods to reach each other',
      timeoutMs: 60_000,
    });
  });

  it('leaves no control group, even when the agents are gone with the power', async () => {
    const dataDirs = agents.map(({ machine }) => machine.dataDir);
    expect(dataDirs.flatMap(controlGroupsOf)).not.toEqual([]);
    await bed[Symbol.asyncDispose]();
    expect(dataDirs.flatMap(controlGroupsOf)).toEqual([]);
  });
});
