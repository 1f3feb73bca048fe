/**
 * Who may speak to the API at the pod network's address: a machine answers for its addresses on every link, so that neighbours could
 * come there, too.
 */
import { parseIpRange } from '@timonel/sdk/contracts/network';

/** Pods of the range, and this machine itself. Asked anew each time: `ownAddresses` come and go. */
export function admission(podCidr: string, ownAddresses: () => readonly string[]): (client: string) => boolean {
  const range = parseIpRange(podCidr);
  const isPod = (client: string): boolean => {
    const one = client === '' ? undefined : parseIpRange(client);
    if (range === undefined || one === undefined || one.family !== range.family) return false;
    return one.first >= range.first && one.last <= range.last;
  };
  return (client) => isPod(client) || ownAddresses().includes(client);
}
