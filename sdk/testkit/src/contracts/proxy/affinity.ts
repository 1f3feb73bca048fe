import { describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { until } from '../../until.ts';
import { externalAddress, moreOutsideAddresses, nodeAddress, outsideAddress } from './bed.ts';
import type { Resident } from './residents.ts';
import { clusterIp, spread, type ProxySuite } from './suite.ts';

/** The backend of each of many clients outside, by the clients' addresses: with three of them, all alike once in 10^11 runs. */
type Placed = Readonly<Record<string, string>>;

async function place({ bed }: ProxySuite, host: string, port: number): Promise<Placed> {
  const placed = moreOutsideAddresses.map(async (address) => {
    const [server = ''] = Object.keys(await spread(bed.outside, host, port, 1, address));
    return [address, server] as const;
  });
  return Object.fromEntries(await Promise.all(placed));
}

/** Clients that `from` had at one of these servers. */
function of(from: Placed, servers: readonly string[]): Placed {
  return Object.fromEntries(Object.entries(from).filter(([, server]) => servers.includes(server)));
}

/** Clients of services with ClientIP affinity. */
export function affinityCases(suite: ProxySuite): void {
  describe('session affinity', () => {
    choiceCases(suite);
    memoryCases(suite);
    timeCases(suite);
  });
}

function choiceCases(suite: ProxySuite): void {
  it('a client stays with one backend, and not all clients with the same', async () => {
    const { bed } = suite;
    const rule = bed.rule([0, 1, 2], { affinitySeconds: 600 });
    await suite.apply([rule]);
    const chosen = new Set<string>();
    const staysWithOne = async (client: Resident, address?: string): Promise<void> => {
      const counts = await spread(client, clusterIp(rule), 80, 10, address);
      expect(Object.values(counts)).toEqual([10]);
      for (const server of Object.keys(counts)) chosen.add(server);
    };
    for (const client of [bed.onNode, bed.outside, ...bed.pods]) await staysWithOne(client);
    for (const address of moreOutsideAddresses) await staysWithOne(bed.outside, address);
    expect(chosen.size).toBeGreaterThan(1);
  });

  it('a client of UDP stays with one backend from whichever port it sends', async () => {
    const { bed } = suite;
    const rule = bed.rule([0, 1, 2], { protocol: 'UDP', port: 53, targetPort: 8053, affinitySeconds: 600 });
    await suite.apply([rule]);
    for (const client of [bed.onNode, bed.pod(0), bed.outside]) {
      const servers = new Set<string>();
      for (let turn = 0; turn < 12; turn++) {
        const [server = ''] = (await client.call('askUdp', clusterIp(rule), 53, 'x', 1000)).split(' ');
        servers.add(server);
      }
      expect([...servers]).toEqual([expect.stringMatching(/^pod-[012]$/)]);
    }
  });

  it('clients outside stay with one of the backends that they may have', async () => {
    const { bed } = suite;
    const outsideBackends = bed.rule([1, 2]).backends;
    const rule = bed.rule([0], { externalIPs: [externalAddress], outsideBackends, affinitySeconds: 600 });
    await suite.apply([rule]);
    const counts = await spread(bed.outside, externalAddress, 80, 10, outsideAddress);
    expect(Object.values(counts)).toEqual([10]);
    expect(['pod-1', 'pod-2']).toContain(Object.keys(counts)[0]);
  });
}

function memoryCases(suite: ProxySuite): void {
  it('a backend that is new moves no client, one that goes only its own, also when it comes again', async () => {
    const { bed } = suite;
    const rule = bed.rule([0, 1], { affinitySeconds: 600 });
    const have = (pods: readonly number[]): Promise<number> =>
      suite.apply([{ ...rule, backends: bed.rule(pods).backends }]);
    const now = (): Promise<Placed> => place(suite, clusterIp(rule), 80);
    await have([0, 1]);
    const first = await now();
    expect(new Set(Object.values(first))).toEqual(new Set(['pod-0', 'pod-1']));
    await have([0, 1, 2]);
    expect(await now()).toEqual(first);
    await have([1, 2]);
    const second = await now();
    expect(second).toMatchObject(of(first, ['pod-1']));
    expect(Object.values(second)).not.toContain('pod-0');
    await have([0, 1, 2]);
    expect(await now()).toEqual(second);
  });

  it('what is known of clients outlives changes of other services, and of all being written anew', async () => {
    const { bed } = suite;
    const rule = bed.rule([0, 1, 2], { affinitySeconds: 600 });
    await suite.apply([rule]);
    const first = await place(suite, clusterIp(rule), 80);
    await suite.apply([rule, bed.rule([0]), bed.rule([1, 2], { affinitySeconds: 600 })]);
    expect(await place(suite, clusterIp(rule), 80)).toEqual(first);
    await bed.node.call('forget', 'main');
    await suite.apply([{ ...rule }, bed.rule([1])]);
    expect(await place(suite, clusterIp(rule), 80)).toEqual(first);
    await suite.apply([{ ...rule, affinitySeconds: 900 }]);
    expect(await place(suite, clusterIp(rule), 80)).toEqual(first);
  });

  it('all addresses of a service lead a client to the same backend; other services know nothing of it', async () => {
    const { bed } = suite;
    const nodePort = await bed.node.call('freePort');
    const more = { nodePort, externalIPs: [externalAddress], affinitySeconds: 600 };
    const [rule, other] = [bed.rule([0, 1, 2], more), bed.rule([0, 1, 2], { affinitySeconds: 600 })];
    await suite.apply([rule, other]);
    const first = await place(suite, clusterIp(rule), 80);
    expect(await place(suite, nodeAddress, nodePort)).toEqual(first);
    expect(await place(suite, externalAddress, 80)).toEqual(first);
    expect(await place(suite, clusterIp(other), 80)).not.toEqual(first);
  });
}

function timeCases(suite: ProxySuite): void {
  it('a client is known for the time of the service since its last connection, and then no more', async () => {
    const { bed } = suite;
    const affinitySeconds = 1;
    const rule = bed.rule([0, 1, 2], { affinitySeconds });
    await suite.apply([rule]);
    const env = createRealEnv();
    const clock = (): number => env.clock.monotonic() / 1000;
    /** Since `sinceS` they have connected in each second. */
    let sinceS = clock();
    let lastS = sinceS;
    let first = await place(suite, clusterIp(rule), 80);
    while (clock() - sinceS < 2 * affinitySeconds) {
      const startS = clock();
      const placed = await place(suite, clusterIp(rule), 80);
      // On a machine that stands still for so long, clients are rightly forgotten.
      if (clock() - lastS > affinitySeconds) [sinceS, first] = [startS, placed];
      expect(placed).toEqual(first);
      lastS = startS;
    }
    lastS = clock();
    await until(() => clock() - lastS > 1.2 * affinitySeconds, { what: 'clients to be forgotten' });
    expect(await place(suite, clusterIp(rule), 80)).not.toEqual(first);
  });
}
