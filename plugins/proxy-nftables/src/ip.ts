import type { IpFamily } from '@timonel/sdk/contracts/network';

/** What nft calls a family. */
export type Ip = 'ip' | 'ip6';

export const ipOf: Readonly<Record<IpFamily, Ip>> = { 4: 'ip', 6: 'ip6' };
