import type { IpFamily } from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';

/**
 * Where the kernel has br_netfilter, as machines with Docker do, the rules of IP are asked for frames on bridges, too; a frame whose
 * address they translate to that of another port goes straight there, and isolated ports would drop it.
 */
export async function asksRulesForFrames(families: readonly IpFamily[]): Promise<boolean> {
  const names = families.map((family) => (family === 4 ? 'iptables' : 'ip6tables'));
  const texts = names.map((name) => readFileIfThere(`/proc/sys/net/bridge/bridge-nf-call-${name}`));
  return (await Promise.all(texts)).some((text) => text?.trim() === '1');
}
