/**
 * Who may speak to the API at the pod network's address: a machine answers for its addresses on every link, so that neighbours could
 * come there, too.
 */
import { isIPv4 } from 'node:net';
import { parseIpv4Range } from '@timonel/sdk/contracts/network';

/** Pods of the range, and this machine itself. Asked anew each time: `ownAddresses` come and go. */
export function admission(podCidr: string, ownAddresses: () => readonly string[]): (client: string) => boolean {
  const range = parseIpv4Range(podCidr);
  return (client) => {
    const one = isIPv4(client) ? parseIpv4Range(`${client}/32`) : undefined;
    const isPod = range !== undefined && one !== undefined && one.first >= range.first && one.last <= range.last;
    return isPod || ownAddresses().includes(client);
  };
}
