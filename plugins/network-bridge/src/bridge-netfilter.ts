import { readFileIfThere } from '@timonel/sdk/files';

/**
 * Where the kernel has br_netfilter, as machines with Docker do, the rules of IP are asked for frames on bridges, too; a frame whose
 * address they translate to that of another port goes straight there, and isolated ports would drop it.
 */
export async function asksRulesForFrames(): Promise<boolean> {
  const text = await readFileIfThere('/proc/sys/net/bridge/bridge-nf-call-iptables');
  return text?.trim() === '1';
}
