import { AddressLink } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { LinkAddresses } from '../link-addresses.ts';
import { linkNameOf } from '../plugin.ts';

interface Plane {
  apply(rules: readonly ServicePortRule[]): Promise<void>;
  forget(): void;
  close(): Promise<void>;
}

/** In the shape of a proxy's data plane, for the bed of the proxies' tests: the addresses are the external ones of the rules. */
export async function openDataPlane({ dataDir }: { dataDir: string }): Promise<Plane> {
  const link = new AddressLink(linkNameOf(dataDir));
  const addresses = new LinkAddresses(link);
  return {
    apply: async (rules) => {
      await addresses.set(new Set(rules.flatMap(({ externalIPs }) => externalIPs)));
    },
    forget: () => link.forget(),
    close: () => addresses.close(),
  };
}
