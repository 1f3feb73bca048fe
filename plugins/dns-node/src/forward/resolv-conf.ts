import { isIP } from 'node:net';

/** The servers of a resolv.conf(5), in order, each once. */
export function nameserversOf(text: string): string[] {
  const found = text.split('\n').flatMap((line) => {
    const [key, address = ''] = line.trim().split(/\s+/);
    return key === 'nameserver' && isIP(address.split('%')[0] ?? '') !== 0 ? [address] : [];
  });
  return [...new Set(found)];
}
