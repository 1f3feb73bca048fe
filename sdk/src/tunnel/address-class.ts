/** Where an address leads: this machine, its link, or elsewhere. */
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

const local = new BlockList();
local.addSubnet('0.0.0.0', 8);
local.addSubnet('169.254.0.0', 16);
local.addAddress('::', 'ipv6');
local.addSubnet('fe80::', 10, 'ipv6');

export type AddressClass = 'loopback' | 'link' | 'elsewhere';

/** Of a host name or an address, in brackets or not, as `URL.hostname` gives it. */
export function addressClass(hostname: string): AddressClass {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(bare);
  if (family === 0) return /(?:^|\.)localhost\.?$/i.test(bare) ? 'loopback' : 'elsewhere';
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  if (loopback.check(bare, kind)) return 'loopback';
  return local.check(bare, kind) ? 'link' : 'elsewhere';
}

/** Of `host[:port]`. */
export function isLoopbackHost(host: string): boolean {
  return URL.canParse(`http://${host}`) && addressClass(new URL(`http://${host}`).hostname) === 'loopback';
}
