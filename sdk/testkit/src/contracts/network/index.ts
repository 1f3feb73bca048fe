/** The contract of `network`: every pod network passes it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  parseIp,
  parseIpRange,
  type AttachRequest,
  type IpRange,
  type PodNetwork,
} from '@timonel/sdk/contracts/network';

/** A pod network under test. */
export interface NetworkUnderTest {
  readonly network: PodNetwork;
  /** A new, empty network namespace; undefined where the network needs none. */
  makeNamespace(): Promise<string | undefined>;
  /** Deletes one as if the pod were gone. */
  removeNamespace(path: string): Promise<void>;
  /** Ends the network as a crash or a restart does, and starts it anew upon the same data. */
  restart(): Promise<PodNetwork>;
  /** Cleans up all. */
  close(): Promise<void>;
}

export function networkContract(name: string, make: () => Promise<NetworkUnderTest>): void {
  describe(`network contract: ${name}`, () => {
    let bed: NetworkUnderTest;
    let network: PodNetwork;
    let count = 0;

    const request = async (): Promise<AttachRequest> => {
      const id = `contract-${++count}`;
      const networkNamespace = await bed.makeNamespace();
      return { sandboxId: id, podUid: `uid-${id}`, podNamespace: 'default', podName: id, networkNamespace };
    };

    beforeAll(async () => {
      bed = await make();
      network = bed.network;
    });

    afterAll(() => bed?.close());

    /** Its ranges and addresses by family: of those that pods have. */
    const facts = async (): Promise<readonly { readonly range: IpRange | undefined; readonly node: string }[]> => {
      const { podCidr, nodeAddress, podCidr6, nodeAddress6 = '' } = await network.nodeNetwork();
      const first = { range: parseIpRange(podCidr), node: nodeAddress };
      return podCidr6 === undefined ? [first] : [first, { range: parseIpRange(podCidr6), node: nodeAddress6 }];
    };

    it('names its ranges and addresses of the node, IPv4 first', async () => {
      const found = (await facts()).map(({ range, node }) => [range?.family, parseIp(node)?.family]);
      expect(['4,4', '6,6', '4,4;6,6']).toContain(found.map((families) => families.join()).join(';'));
    });

    it('gives each sandbox addresses of its own, one of each range', async () => {
      const requests = await Promise.all([request(), request(), request()]);
      const attachments = await Promise.all(requests.map((each) => network.attach(each)));
      const families = await facts();
      expect(new Set(attachments.flatMap(({ addresses }) => addresses)).size).toBe(3 * families.length);
      for (const { addresses } of attachments) {
        expect(addresses).toHaveLength(families.length);
        for (const [index, { range, node }] of families.entries()) {
          const value = parseIp(addresses[index] ?? '')?.value ?? -1n;
          expect(value > (range?.first ?? value) && value < (range?.last ?? value)).toBe(true);
          expect(addresses[index]).not.toBe(node);
        }
      }
      expect(attachments.map(({ sandboxId }) => sandboxId)).toEqual(requests.map(({ sandboxId }) => sandboxId));
    });

    it('attach is idempotent, also when called at once', async () => {
      const one = await request();
      const both = await Promise.all([network.attach(one), network.attach(one)]);
      expect(both[0]).toEqual(both[1]);
      expect(await network.attach(one)).toEqual(both[0]);
      expect((await network.list()).filter(({ sandboxId }) => sandboxId === one.sandboxId)).toHaveLength(1);
    });

    it('detach frees; of an unknown sandbox it is no error; attaching again works', async () => {
      const one = await request();
      await network.attach(one);
      await network.detach(one.sandboxId);
      await network.detach(one.sandboxId);
      await network.detach('never-seen');
      expect((await network.list()).some(({ sandboxId }) => sandboxId === one.sandboxId)).toBe(false);
      expect((await network.attach(one)).addresses).toHaveLength((await facts()).length);
    });

    it('detach works when the namespace is gone', async () => {
      const one = await request();
      await network.attach(one);
      if (one.networkNamespace !== undefined) await bed.removeNamespace(one.networkNamespace);
      await network.detach(one.sandboxId);
      expect((await network.list()).some(({ sandboxId }) => sandboxId === one.sandboxId)).toBe(false);
    });

    it('keeps attachments over a restart, and retain drops those no longer there', async () => {
      const [kept, dropped] = [await request(), await request()];
      const before = await network.attach(kept);
      await network.attach(dropped);
      const others = (await network.list()).map(({ sandboxId }) => sandboxId);
      network = await bed.restart();
      expect((await network.list()).map(({ sandboxId }) => sandboxId).sort()).toEqual([...others].sort());
      expect(await network.attach(kept)).toEqual(before);
      const stay = others.filter((id) => id !== dropped.sandboxId);
      expect(await network.retain(stay)).toBe(1);
      expect(await network.retain(stay)).toBe(0);
      expect((await network.list()).map(({ sandboxId }) => sandboxId).sort()).toEqual([...stay].sort());
      const next = await network.attach(await request());
      expect(next.addresses).not.toEqual(before.addresses);
    });
  });
}
