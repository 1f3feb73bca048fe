/** `timonel net check` and `why service` on machines of their own: what was cut, dropped and made too small is found, nothing is left. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, timonel, type Master } from './bed/cluster.ts';

jest.setTimeout(90_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const nodes = ['n1', 'n2'] as const;

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly kind: string;
    readonly from: string;
    readonly to: string;
    readonly outcome: string;
  }[];
  readonly problems: readonly string[];
}

suite(`timonel net check${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;

  const check = (...args: string[]): ReturnType<typeof timonel> =>
    timonel(master.machine, ['net', 'check', '--kubeconfig', master.kubeconfig, ...args]);
  /** What is not ok. */
  const bad = ({ checks }: Report): string[] =>
    checks.flatMap(({ kind, from, to, outcome }) =>
      outcome === 'ok' ? [] : [`${kind} ${from} ${to.replace(/^server-0\..*/, 'server')}: ${outcome}`],
    );
  const failing = async (): Promise<Report> => {
    const { status, stdout, stderr } = await check('-o', 'json');
    expect([status, stderr]).toEqual([1, '']);
    return JSON.parse(stdout) as Report;
  };
  const nft = (machine: string, ...lines: string[]): Promise<string> =>
    bed.machine(machine).mustExec('nft', ['-f', '-'], { input: `${lines.join('\n')}\n` });
  const wall = (hook: string, rule: string): string[] => [
    'add table inet wall',
    `add chain inet wall it { type filter hook ${hook} priority -300; }`,
    `add rule inet wall it ${rule} drop`,
  ];

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: nodes.length });
    master = await startMaster(bed.machine('m1'));
    await Promise.all(nodes.map((name) => startAgent(bed.machine(name), { masters: [master] })));
    const ready = `-o=jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`;
    await until(async () => (await kubectl(bed, master, ['get', 'nodes', ready])).stdout === 'True True', {
      what: 'two nodes to be Ready',
      timeoutMs: 60_000,
    });
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('shows that everything is reached', async () => {
    const { status, stdout, stderr } = await check();
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^CHECK +FROM +TO n1 +TO n2\npod to pod +n1 +ok +ok\npod to pod +n2 +ok +ok\n/);
    expect(stdout).toContain('All 20 checks between 2 nodes are ok.');
  });

  it('why service says what each node has of a service', async () => {
    const args = ['why', 'service', 'kubernetes', '--kubeconfig', master.kubeconfig];
    const { status, stdout } = await timonel(master.machine, args);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^services default\/kubernetes is AsDeclared/)]);
    expect(stdout).toMatch(/^DNS name +kubernetes\.default\.svc\.cluster\.local$/m);
    for (const name of nodes) expect(stdout).toMatch(new RegExp(`^node ${name} +nftables: 1 endpoint, written`, 'm'));
  });

  it('finds a link that is cut, and a name server that does not answer', async () => {
    await bed.cut('n1', 'n2');
    await nft('n2', ...wall('input', 'udp dport 53'));
    const report = await failing();
    await bed.heal();
    await nft('n2', 'delete table inet wall');
    const each = ['pod to pod', 'pod to service', 'node to pod', 'node to node'];
    const cut = ([from, to]: readonly string[]): string[] => each.map((kind) => `${kind} ${from} ${to}: no answer`);
    const silent = ['kubernetes.default.svc', 'server'].map((name) => `DNS n2 ${name}: no answer`);
    expect(bad(report).toSorted()).toEqual([...cut(['n1', 'n2']), ...cut(['n2', 'n1']), ...silent].toSorted());
    expect(report.problems).toEqual([
      expect.stringMatching(/^n1 does not reach the node n2 at 10\.99\.0\.102 .*link between them is cut/),
      expect.stringMatching(/^n2 does not reach the node n1 at 10\.99\.0\.101/),
      expect.stringMatching(/^DNS in pods of n2 does not answer/),
    ]);
  });

  it('finds packets that are too large, and leaves no namespace', async () => {
    await nft('n1', ...wall('forward', 'meta length > 1200'));
    const report = await failing();
    await nft('n1', 'delete table inet wall');
    expect(bad(report)).toContain('pod to pod n1 n2: small packets only');
    expect(report.problems).toContainEqual(expect.stringContaining('the MTU of the pods is larger'));
    const { stdout } = await kubectl(bed, master, ['get', 'namespaces', '-o', 'name']);
    expect(stdout).not.toContain('net-check');
  });
});
