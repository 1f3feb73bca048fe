/**
 * The contract of a service proxy's data plane, over real sockets: a node, its pods and a machine outside are network
 * namespaces of their own, so the machine that runs the suite is not touched. Needs root and the programs ip and unshare.
 */
import { afterAll, afterEach, beforeAll, describe, it } from '@jest/globals';
import { ProxyBed } from './bed.ts';
import { addressCases } from './addresses.ts';
import { affinityCases } from './affinity.ts';
import { backendCases } from './backends.ts';
import { addIpv6 } from './ipv6-bed.ts';
import { ipv6Cases } from './ipv6.ts';
import { lifeCases } from './life.ts';
import { policyCases } from './policies.ts';
import { serviceCidr, serviceCidr6 } from './ranges.ts';
import type { ProxySuite } from './suite.ts';

export {
  ProxyBed,
  externalAddress,
  moreOutsideAddresses,
  nodeAddress,
  outsideAddress,
  podAddress,
  serviceCidr,
} from './bed.ts';
export { addIpv6, outsideAddress6, podAddress6 } from './ipv6-bed.ts';
export { Resident } from './residents.ts';
export type { Dialled } from './resident.ts';
export type { DataPlaneModule, DataPlaneOptions, DataPlaneUnderTest } from './under-test.ts';

/** What the suite needs to know of a data plane. */
export interface ProxyContractOptions {
  /** URL of a module that exports `openDataPlane` (see {@link DataPlaneModule}). */
  readonly module: string;
  /** Why it cannot run here: all tests are listed as skipped then. */
  readonly skip?: string | undefined;
  /** What it does not do by design. Those tests are listed as skipped. */
  readonly without?: readonly 'SCTP'[];
}

export function proxyContract(name: string, options: ProxyContractOptions): void {
  const title = `proxy contract: ${name}`;
  if (options.skip !== undefined) {
    describe(title, () => it.skip(`skipped: ${options.skip}`, () => undefined));
    return;
  }
  describe(title, () => {
    const suite: ProxySuite = {
      bed: undefined as unknown as ProxyBed,
      apply: (rules, plane = 'main') => suite.bed.node.call('apply', plane, rules),
      open: (plane) =>
        suite.bed.node.call('openPlane', plane, options.module, `/nowhere/${plane}`, `${serviceCidr},${serviceCidr6}`),
    };
    beforeAll(async () => {
      suite.bed = await ProxyBed.open(3);
      await addIpv6(suite.bed);
      await Promise.all(
        suite.bed.pods.flatMap((pod, index) => [
          pod.call('serveTcp', `pod-${index}`, 8080, '::'),
          pod.call('serveUdp', `pod-${index}`, 8053, '::'),
        ]),
      );
      await suite.open('main');
    }, 60_000);
    afterEach(() => suite.apply([]));
    afterAll(() => suite.bed?.close());

    addressCases(suite);
    backendCases(suite);
    affinityCases(suite);
    policyCases(suite);
    ipv6Cases(suite);
    lifeCases(suite);
    if (options.without?.includes('SCTP') === true) {
      it.skip('SCTP services are served (not done by this proxy)', () => undefined);
    }
  });
}
