/** The scheduler of the guide, beside the one in charge, in charge, and back: two nodes with prices, pods in real containers. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { SchedulingStatus, ShadowReport } from '@timonel/sdk/contracts/scheduler-shadow';
import type { Why } from '@timonel/sdk/contracts/why';
import type { SchedulerItem } from '../../cli/src/commands/scheduler-text.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, timonel, type Master } from './bed/cluster.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const example = join(import.meta.dirname, '..', '..', 'examples', 'plugins', 'scheduler-cheapest.ts');

interface PodView {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string };
}

suite(`the scheduler of the guide${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;

  const ask = async (args: readonly string[], input?: string): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args, input === undefined ? {} : { input });
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await timonel(master.machine, [...args, '--data-dir', master.machine.dataDir]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await run(...args, '-o', 'json')) as T;
  const podsOf = async (group: string): Promise<readonly PodView[]> =>
    (JSON.parse(await ask(['get', 'pods', '-l', `group=${group}`, '-o', 'json'])) as { items: PodView[] }).items;
  const make = async (group: string, count: number, cpu = '10m'): Promise<void> => {
    const command = ['node', '-e', 'console.log("aboard");setInterval(()=>{},1000)'];
    const resources = { requests: { cpu } };
    const items = Array.from({ length: count }, (_, at) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${group}-${at}`, labels: { group } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'timonel.local/node:host', command, resources }],
      },
    }));
    await ask(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  };
  /** The nodes of the group's pods, when all run. */
  const homes = async (group: string, count: number): Promise<string[]> => {
    const running = await until(
      async () => {
        const all = await podsOf(group);
        return all.length === count && all.every(({ status }) => status.phase === 'Running') ? all : undefined;
      },
      { what: `${count} pods ${group}-… to run`, timeoutMs: 60_000 },
    );
    return running.map(({ spec }) => spec.nodeName ?? '');
  };
  const inCharge = async (): Promise<string | undefined> =>
    (await json<SchedulerItem[]>('scheduler', 'list')).find((item) => item.inCharge)?.name;

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'));
    await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master] })));
    await until(async () => (await ask(['get', 'nodes', '--no-headers'])).match(/ Ready /g)?.length === 2, {
      what: 'two nodes to be Ready',
      timeoutMs: 60_000,
    });
    await ask(['label', 'node', 'n1', 'node.timonel.dev/price=3']);
    await ask(['label', 'node', 'n2', 'node.timonel.dev/price=1']);
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('decides in shadow, and the difference is shown', async () => {
    expect(await run('scheduler', 'shadow', example, '--time-share', '50%')).toMatch(
      /^scheduler-cheapest decides in shadow of scheduler-default and binds nothing; it gets 50 % of the time\./,
    );
    await make('first', 6);
    const nodes = await homes('first', 6);
    // The one in charge has no eye for prices.
    expect([...new Set(nodes)].sort()).toEqual(['n1', 'n2']);
    expect(await ask(['logs', 'first-0'])).toBe('aboard\n');
    const report = await until(
      async () => {
        const seen = await json<ShadowReport>('scheduler', 'diff');
        return seen.agreement.decisions >= 6 ? seen : undefined;
      },
      { what: 'six decisions to be compared' },
    );
    const onDear = nodes.filter((node) => node === 'n1').length;
    expect(report).toMatchObject({
      agreement: { decisions: 6, otherNode: onDear, otherOutcome: 0 },
      faults: { count: 0 },
    });
    expect(report.differences).toHaveLength(onDear);
    for (const { live, candidate } of report.differences) {
      expect([live.nodeName, candidate.nodeName]).toEqual(['n1', 'n2']);
    }
    const text = await run('scheduler', 'diff');
    expect(text).toContain('Compared: 6 decisions\n');
    expect(text).toMatch(/^POD +SCHEDULER-DEFAULT +SCHEDULER-CHEAPEST +WHY$/m);
    expect(text).toMatch(/^default\/first-\d +n1 +n2 +.*Cheapest/m);
  });

  it('is promoted, and decides', async () => {
    expect(await run('scheduler', 'promote')).toMatch(
      /^scheduler-default → scheduler-cheapest: paused for [\d.]+ ms.*\nOn probation for \d+ s: .*scheduler-default takes over/,
    );
    expect(await run('scheduler', 'list')).toMatch(
      /^\* +scheduler-cheapest +1\.0\.0 +running +in charge, on probation for \d+ s \(before: scheduler-default\)/m,
    );
    await make('second', 4);
    expect(await homes('second', 4)).toEqual(['n2', 'n2', 'n2', 'n2']);
  });

  it('tells why a pod is where it is, and why one waits', async () => {
    const placed = await run('why', 'pod', 'second-0');
    expect(placed).toMatch(/^Pod default\/second-0 is Running/);
    expect(placed).toMatch(/^NODE +TOTAL +Cheapest/m);
    expect(placed.indexOf('\nn2 ')).toBeLessThan(placed.indexOf('\nn1 '));
    await make('huge', 1, '1000');
    const why = await until(
      async () => {
        const answer = await json<Why>('why', 'pod/huge-0');
        return answer.causes.length > 0 ? answer : undefined;
      },
      { what: 'a cause' },
    );
    expect(why).toMatchObject({ state: 'Pending', causes: [{ plugin: 'NodeResourcesFit', nodes: { count: 2 } }] });
    const waiting = await run('why', 'pod', 'huge-0');
    expect(waiting).toMatch(/Root cause:\n1\. Insufficient cpu \(NodeResourcesFit\)\n {3}2 nodes: (n1, n2|n2, n1)/);
    expect(waiting).toMatch(/would help: .*cpu/);
  });

  it('is reverted: the one before decides again', async () => {
    expect(await run('scheduler', 'revert')).toMatch(/^scheduler-cheapest → scheduler-default: paused for [\d.]+ ms/);
    expect(await inCharge()).toBe('scheduler-default');
    await make('third', 4);
    // Most pods are on the cheap node by now.
    expect(new Set(await homes('third', 4))).toContain('n1');
    const status = JSON.parse(
      await ask(['get', '--raw', '/apis/scheduling.timonel.dev/v1/status']),
    ) as SchedulingStatus;
    expect(status).toMatchObject({ inCharge: 'scheduler-default', probation: null, lastFallBack: null });
  });
});
