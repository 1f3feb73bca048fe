import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  ProxyBed,
  externalAddress,
  moreOutsideAddresses,
  nodeAddress,
  outsideAddress,
  podAddress,
  serviceCidr,
} from '@timonel/testkit/contracts/proxy';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { createSimulatedEnv } from '@timonel/core/env';
import { namesOf } from './data-plane.ts';

jest.setTimeout(60_000);

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;
const module = new URL('./testing/open-data-plane.ts', import.meta.url).href;
const dataDir = '/nowhere/nftables';
const { table, link } = namesOf(dataDir);

if (!isRoot || !hasNft) {
  describe('nftables data plane', () => {
    it.skip(`skipped: it needs ${isRoot ? 'the program nft (apt-get install nftables)' : 'root'}`, () => undefined);
  });
} else {
  describe('nftables data plane', () => {
    let bed: ProxyBed;

    beforeAll(async () => {
      bed = await ProxyBed.open(2);
      await bed.pod(0).call('serveTcp', 'pod-0', 8080);
      await bed.node.call('openPlane', 'main', module, dataDir, serviceCidr);
    });
    beforeEach(() => bed.node.call('apply', 'main', []));
    afterAll(async () => {
      await bed?.node.call('closePlane', 'main');
      await bed?.close();
    });

    const tables = (): Promise<string> => bed.node.run('nft', ['list', 'tables']);
    const connect = (address = ''): Promise<string> =>
      bed
        .pod(1)
        .call('connect', address, 80, 500)
        .then(({ code }) => code);

    it('writes its table again after somebody removed it', async () => {
      const rule = bed.rule([0]);
      await bed.node.call('apply', 'main', [rule]);
      await bed.node.run('nft', ['delete', 'table', 'ip', table]);
      expect(await connect(rule.clusterIPs[0])).not.toBe('CONNECTED');
      await bed.node.call('apply', 'main', [rule]);
      expect(await tables()).not.toContain(table);
      await bed.node.call('forget', 'main');
      await bed.node.call('apply', 'main', [rule]);
      expect(await connect(rule.clusterIPs[0])).toBe('CONNECTED');
    });

    it('makes its link and route again after somebody removed them', async () => {
      const rule = bed.rule([0]);
      await bed.node.call('apply', 'main', [rule]);
      await bed.node.run('ip', ['link', 'delete', link]);
      expect(await bed.onNode.call('connect', rule.clusterIPs[0] ?? '', 80, 500)).toMatchObject({
        code: 'ENETUNREACH',
      });
      await bed.node.call('forget', 'main');
      await bed.node.call('apply', 'main', [rule]);
      expect(await bed.onNode.call('connect', rule.clusterIPs[0] ?? '', 80, 500)).toMatchObject({ code: 'CONNECTED' });
    });

    it('keeps the old rules when nft refuses the new ones, and goes on with the next', async () => {
      const rule = bed.rule([0]);
      await bed.node.call('apply', 'main', [rule]);
      const before = await bed.node.run('nft', ['list', 'table', 'ip', table]);
      for (const bad of [{ port: 70_000 }, { protocol: 'NONE' as 'TCP' }]) {
        const attempt = bed.node.call('apply', 'main', [bed.rule([0]), { ...bed.rule([0]), ...bad }]);
        await expect(attempt).rejects.toThrow(/^nft failed with status 1: .+/);
        expect(await bed.node.run('nft', ['list', 'table', 'ip', table])).toBe(before);
        expect(await connect(rule.clusterIPs[0])).toBe('CONNECTED');
      }
      const next = bed.rule([0]);
      await bed.node.call('apply', 'main', [next]);
      expect(await connect(next.clusterIPs[0])).toBe('CONNECTED');
      expect(await connect(rule.clusterIPs[0])).toBe('ECONNREFUSED');
    });

    it('a client outside reaches a backend behind another node: that one answers by way of this node', async () => {
      // The machine outside is the other node, too: it would answer itself past this one.
      const far = '10.214.3.50';
      await bed.outside.run('ip', ['address', 'add', `${far}/32`, 'dev', 'lo']);
      await bed.outside.call('serveTcp', 'far', 8080, far);
      const nodePort = await bed.node.call('freePort');
      const backends = [{ address: far, port: 8080, nodeName: undefined }];
      const rule = { ...bed.rule([], { nodePort, externalIPs: [externalAddress] }), backends };
      await bed.node.call('apply', 'main', [rule]);
      for (const [address, port] of [
        [nodeAddress, nodePort],
        [externalAddress, 80],
      ] as const) {
        const dialled = await bed.outside.call('connect', address, port, 1_000);
        expect(dialled).toMatchObject({ code: 'CONNECTED', line: `far ${nodeAddress}` });
      }
      // A pod is known to its backend, wherever that is: the other nodes know the way back.
      const clusterIp = rule.clusterIPs[0] ?? '';
      expect(await bed.pod(1).call('connect', clusterIp, 80, 1_000)).toMatchObject({ line: `far ${podAddress(1)}` });
    });

    it('a client outside is known to a backend on this node', async () => {
      const nodePort = await bed.node.call('freePort');
      await bed.node.call('apply', 'main', [bed.rule([0], { nodePort })]);
      const dialled = await bed.outside.call('connect', nodeAddress, nodePort, 1_000);
      expect(dialled).toMatchObject({ line: `pod-0 ${outsideAddress}` });
    });

    it('remembers clients past its own end, and past a table that is written anew for more backends than it has chains for', async () => {
      await bed.pod(1).call('serveTcp', 'pod-1', 8080);
      const rule = bed.rule([0, 1], { affinitySeconds: 600 });
      const ip = rule.clusterIPs[0] ?? '';
      const placed = async (): Promise<string[]> => {
        const lines = moreOutsideAddresses.map((from) => bed.outside.call('connect', ip, 80, 1000, from));
        return (await Promise.all(lines)).map(({ code, line }) => `${code} ${line}`);
      };
      await bed.node.call('apply', 'main', [rule]);
      const first = await placed();
      expect(new Set(first.map((each) => each.slice(0, 'CONNECTED pod-0'.length))).size).toBe(2);
      const many = Array.from({ length: 325 }, (_, index) => ({
        address: `10.214.9.${index % 250}`,
        port: 1000 + index,
        nodeName: undefined,
      }));
      await bed.node.call('apply', 'main', [rule, { ...bed.rule([]), backends: many }]);
      expect(await placed()).toEqual(first);
      // As an agent that starts on the tables of the one before.
      await bed.node.call('openPlane', 'again', module, dataDir, serviceCidr);
      await bed.node.call('apply', 'again', [{ ...rule }, bed.rule([1], { affinitySeconds: 600 })]);
      expect(await placed()).toEqual(first);
      await bed.node.call('closePlane', 'again');
      await bed.node.call('forget', 'main');
      await bed.pod(1).call('stopServer', 'tcp pod-1');
    });

    it('touches no other table', async () => {
      const foreign =
        'table ip foreign {\n  chain input {\n    type filter hook input priority 5; policy accept;\n  }\n}\n';
      await bed.node.run('nft', ['-f', '-'], foreign);
      const before = await bed.node.run('nft', ['list', 'table', 'ip', 'foreign']);
      await bed.node.call('apply', 'main', [bed.rule([0])]);
      await bed.node.call('apply', 'main', []);
      expect(await bed.node.run('nft', ['list', 'table', 'ip', 'foreign'])).toBe(before);
      await bed.node.run('nft', ['delete', 'table', 'ip', 'foreign']);
    });

    it('of both families leaves nothing of the one that it does not serve any more', async () => {
      const directory = '/nowhere/families';
      const { table: own, link: ownLink } = namesOf(directory);
      const ownTables = async (): Promise<string[]> =>
        (await tables()).split('\n').filter((line) => line.endsWith(own));
      const routes6 = (): Promise<string> => bed.node.run('ip', ['-6', 'route', 'show', 'fd00:77::/112']);
      await bed.node.call('openPlane', 'both', module, directory, `${serviceCidr},fd00:77::/112`);
      await bed.node.call('apply', 'both', []);
      expect(await ownTables()).toEqual([`table ip ${own}`, `table ip6 ${own}`]);
      expect(await routes6()).toContain(ownLink);
      // As after a restart with `onShutdown: keep`.
      await bed.node.call('openPlane', 'one', module, directory, serviceCidr);
      expect([await ownTables(), await routes6()]).toEqual([[`table ip ${own}`], '']);
      await bed.node.call('openPlane', 'other', module, directory, 'fd00:77::/112');
      await bed.node.call('apply', 'other', []);
      expect(await ownTables()).toEqual([`table ip6 ${own}`]);
      for (const plane of ['one', 'other', 'both']) await bed.node.call('closePlane', plane);
      expect(await ownTables()).toEqual([]);
    });

    it('where no route leads to the service addresses, an idle link carries one: a bridge without the dummy driver', async () => {
      expect(await bed.node.run('ip', ['route', 'show', serviceCidr])).toContain(`dev ${link}`);
      const dummy = await bed.node.call('run', { program: 'ip', args: ['link', 'add', 'probe', 'type', 'dummy'] });
      if (dummy.status === 0) await bed.node.run('ip', ['link', 'delete', 'probe']);
      const details = await bed.node.run('ip', ['-details', 'link', 'show', link]);
      expect(details).toMatch(dummy.status === 0 ? /\bdummy\b/ : /\bbridge\b/);
    });

    it('where a route leads there, no link is made', async () => {
      await bed.outside.call('openPlane', 'routed', module, '/nowhere/routed', serviceCidr);
      await bed.outside.call('apply', 'routed', []);
      expect(await bed.outside.run('ip', ['-json', 'link'])).not.toContain(namesOf('/nowhere/routed').link);
      await bed.outside.call('closePlane', 'routed');
    });

    it('takes SCTP services, both families, and many backends', async () => {
      const backends = Array.from({ length: 300 }, (_, index) => ({
        address: `10.214.9.${index % 250}`,
        port: 1000 + index,
        nodeName: undefined,
      }));
      const both = { ...bed.rule([0]), clusterIPs: ['10.215.9.1', 'fd00::1', '10.215.300.1'] };
      both.backends = [...both.backends, { address: 'fd00::2', port: 8080, nodeName: undefined }];
      await bed.node.call('apply', 'main', [
        bed.rule([0], { protocol: 'SCTP', port: 5000, nodePort: 30_500 }),
        { ...bed.rule([]), backends },
        both,
      ]);
      const text = await bed.node.run('nft', ['list', 'table', 'ip', table]);
      expect(text).toMatch(/sctp \. 5000 : goto sr1/);
      expect(text).toMatch(/goto sr300/);
      expect(text).toContain(podAddress(0));
      expect(text).not.toMatch(/fd00|300\.1/);
      for (let i = 0; i < 5; i++) expect(await connect('10.215.9.1')).toBe('CONNECTED');
    });

    /** The elements of all maps and sets, as the kernel has them. */
    async function elements(): Promise<Record<string, unknown>> {
      const { nftables } = JSON.parse(await bed.node.run('nft', ['-j', 'list', 'table', 'ip', table])) as {
        nftables: { map?: { name: string; elem?: unknown[] }; set?: { name: string; elem?: unknown[] } }[];
      };
      const sets = nftables.flatMap(({ map, set }) => map ?? set ?? []);
      return Object.fromEntries(
        sets.map(({ name, elem = [] }) => [name, elem.map((one) => JSON.stringify(one)).sort()]),
      );
    }

    it('after any number of changes the table is what it would be written at once', async () => {
      const names = Array.from({ length: 6 }, (_, index) => bed.rule([], { id: `default/random-${index}:http` }));
      const { random } = createSimulatedEnv({ seed: 7 });
      const backends = (): ServicePortRule['backends'] =>
        bed
          .rule([0, 1])
          .backends.flatMap((backend, index) =>
            random.int(2) === 0 ? [] : [{ ...backend, port: 8080 + random.int(2) + index }],
          );
      const some = <T>(value: T): T | undefined => (random.int(3) === 0 ? value : undefined);
      const change = (rule: ServicePortRule): ServicePortRule => ({
        ...rule,
        backends: backends(),
        // Now and then the same for several: the first one has them.
        nodePort: some(30_000 + random.int(3)),
        externalIPs: random.int(2) === 0 ? [externalAddress] : [],
        affinitySeconds: some(600),
        ...(some(1) === undefined ? {} : { silent: true as const }),
        ...(some(1) === undefined ? {} : { externalBackends: backends() }),
        ...(some(1) === undefined ? {} : { outsideBackends: backends() }),
        ...(some(1) === undefined
          ? {}
          : { restricted: { addresses: [externalAddress], sources: [`10.${random.int(4)}.0.0/16`] } }),
      });
      let rules: readonly ServicePortRule[] = [];
      for (let step = 0; step < 60; step++) {
        const kept = new Map(rules.map((rule) => [rule.id, rule]));
        rules = names.flatMap((name) => {
          const turn = random.int(4);
          const before = kept.get(name.id);
          return turn === 0 ? [] : turn === 1 || before === undefined ? [change(name)] : [before];
        });
        await bed.node.call('apply', 'main', rules);
        if (step % 10 !== 9) continue;
        const changed = await elements();
        await bed.node.call('forget', 'main');
        await bed.node.call('apply', 'main', rules);
        expect(changed).toEqual(await elements());
      }
    });

    it('a change that the table does not fit, for somebody changed it, is said, and the next writes all anew', async () => {
      const [one, two] = [bed.rule([0]), bed.rule([0])];
      await bed.node.call('apply', 'main', [one, two]);
      await bed.node.run('nft', ['flush', 'map', 'ip', table, 'services']);
      await expect(bed.node.call('apply', 'main', [two])).rejects.toThrow(/^nft failed with status 1: .+/);
      await bed.node.call('apply', 'main', [two]);
      expect(await connect(two.clusterIPs[0])).toBe('CONNECTED');
      expect(await connect(one.clusterIPs[0])).toBe('ECONNREFUSED');
    });

    it('among 5,000 services each is found, and a change of one leaves the others and their connections as they are', async () => {
      const none = bed.rule([]);
      const rules = Array.from({ length: 5000 }, (_, index) => ({
        ...none,
        id: `default/many-${index}:http`,
        clusterIPs: [`10.215.${100 + Math.floor(index / 250)}.${index % 250}`],
        backends: [1, 2, 3].map((pod) => ({
          address: `10.214.${100 + Math.floor(index / 250)}.${index % 250}`,
          port: 8000 + pod,
          nodeName: undefined,
        })),
      }));
      const own = bed.rule([0]);
      const firstMs = await bed.node.call('apply', 'main', [...rules, own]);
      await bed.pod(1).call('hold', 'long', own.clusterIPs[0] ?? '', 80);
      const { backends } = bed.rule([0]);
      const [moved, ...others] = rules.toReversed().map((rule, index) => (index === 0 ? { ...rule, backends } : rule));
      if (moved === undefined) throw new Error('there are none');
      const changeMs = await bed.node.call('apply', 'main', [moved, ...others.slice(1), own]);
      for (const { clusterIPs } of [own, moved]) expect(await connect(clusterIPs[0])).toBe('CONNECTED');
      expect(await bed.pod(1).call('echo', 'long', 'there')).toContain('there');
      const { services = [], endpoints = [] } = (await elements()) as Record<string, unknown[]>;
      expect([services.length, endpoints.length]).toEqual([5000, 4998 * 3 + 2]);
      process.stderr.write(
        `nft, 5,000 services x 3: ${firstMs.toFixed(0)} ms, one changed ${changeMs.toFixed(0)} ms\n`,
      );
    });
  });
}
