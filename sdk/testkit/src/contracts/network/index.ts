/** The contract of `network`: every pod network passes it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseIpv4, parseIpv4Range, type AttachRequest, type PodNetwork } from '@timonel/sdk/contracts/network';

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

    it('names its range and an address of the node', async () => {
      const node = await network.nodeNetwork();
      expect(parseIpv4Range(node.podCidr)).toBeDefined();
      expect(parseIpv4(node.nodeAddress)).toBeDefined();
    });

    it('gives each sandbox an address of its own in podCidr', async () => {
      const requests = await Promise.all([request(), request(), request()]);
      const attachments = await Promise.all(requests.map((each) => network.attach(each)));
      const range = parseIpv4Range((await network.nodeNetwork()).podCidr);
      const addresses = attachments.flatMap((attachment) => attachment.addresses);
      expect(new Set(addresses).size).toBe(3);
      for (const address of addresses) {
        const value = parseIpv4(address) ?? -1;
        expect(value).toBeGreaterThan(range?.first ?? Number.NaN);
        expect(value).toBeLessThan(range?.last ?? Number.NaN);
        expect(address).not.toBe((await network.nodeNetwork()).nodeAddress);
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
      expect((await network.attach(one)).addresses).toHaveLength(1);
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
