/** Whether the kernel has what pods' networks are made of: tried in a network namespace that ends with the attempt. */
import { run } from '@timonel/sdk/command';
import { isRoot } from './host.ts';

export interface NetworkFeature {
  readonly name: string;
  readonly ok: boolean;
  /** A node can do without it. */
  readonly optional?: true;
  readonly detail: string;
  /** Empty when ok. */
  readonly fix: string;
}

// As network-bridge and routes-auto use them.
const links = `link add b0 type bridge
link add v0 type veth peer name v1
link set v0 master b0
link set b0 up
addr add 192.0.2.1/24 dev b0
route add 198.51.100.0/24 via 192.0.2.2 proto 84
`;

// As routes-auto uses it.
const tunnel = 'link add x0 type vxlan id 84 dstport 4789 nolearning\n';

const encryptedTunnel = 'link add w0 type wireguard\n';

// As network-bridge, proxy-nftables and policy-nftables use them.
const rules = `table ip t {
  map m { typeof ip daddr : verdict; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 192.0.2.0/24 masquerade
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local tcp dport 1 dnat ip to numgen random mod 2 map { 0 : 192.0.2.2, 1 : 192.0.2.3 }
    tcp dport 2 dnat ip to jhash ip saddr mod 2 map { 0 : 192.0.2.2, 1 : 192.0.2.3 }
  }
  set s { type ipv4_addr . inet_proto . inet_service; }
  chain forward {
    type filter hook forward priority filter - 1; policy accept;
    ct state established,related accept
    ip daddr . meta l4proto . th dport @s reject with tcp reset
    reject with icmp type port-unreachable
  }
}
`;

async function attempt(program: string, args: readonly string[], input: string): Promise<string | undefined> {
  try {
    const asRoot = isRoot() ? [] : ['--user', '--map-root-user'];
    const { status, stderr } = await run('unshare', [...asRoot, '--net', program, ...args], input);
    return status === 0 ? undefined : (stderr.trim().split('\n')[0] ?? `status ${status}`);
  } catch (error) {
    return error instanceof Object && 'message' in error ? String(error.message) : 'it cannot be tried';
  }
}

/** Kinds of tunnels that this machine has now, by the names that routes-auto gives its links. */
async function tunnelsInUse(): Promise<{ readonly vxlan: boolean; readonly wireguard: boolean }> {
  const text = await run('ip', ['-o', 'link', 'show']).then(
    ({ stdout }) => stdout,
    () => '',
  );
  return { vxlan: /: tx[0-9a-f]{8}[:@]/.test(text), wireguard: /: tw[0-9a-f]{8}[:@]/.test(text) };
}

/** Whether tunnels between nodes are encrypted, and why not. */
async function encryption({ wg, wireguardGo }: NetworkPrograms, isInUse: boolean): Promise<NetworkFeature> {
  const common = { name: 'encrypted tunnels', optional: true } as const;
  const problem = await attempt('ip', ['-batch', '-'], encryptedTunnel);
  const use = isInUse ? 'WireGuard, in use' : 'WireGuard, to nodes that have it too';
  if (wg && (problem === undefined || isInUse)) return { ...common, ok: true, detail: use, fix: '' };
  const without = 'tunnels of this node are VXLAN, which does not encrypt';
  if (!wg) return { ...common, ok: false, detail: `${without}: no program wg`, fix: 'apt-get install wireguard-tools' };
  const user = wireguardGo ? '' : 'apt-get install wireguard-go, ';
  return {
    ...common,
    ok: false,
    detail: `${without}: the kernel has no WireGuard`,
    fix: `use a kernel with wireguard ("modprobe wireguard"), or, slower, ${user}wireguardImplementation: userspace in the configuration of routes-auto`,
  };
}

/** Programs that are installed. */
export interface NetworkPrograms {
  readonly ip: boolean;
  readonly nft: boolean;
  readonly wg: boolean;
  readonly wireguardGo: boolean;
}

/** Needs root, or user namespaces. Changes nothing. */
export async function networkFeatures(programs: NetworkPrograms): Promise<readonly NetworkFeature[]> {
  const inUse = programs.ip ? await tunnelsInUse() : { vxlan: false, wireguard: false };
  const [linksProblem, tunnelProblem, rulesProblem] = await Promise.all([
    programs.ip ? attempt('ip', ['-batch', '-'], links) : undefined,
    programs.ip ? attempt('ip', ['-batch', '-'], tunnel) : undefined,
    programs.nft ? attempt('nft', ['-f', '-'], rules) : undefined,
  ]);
  const feature = (name: string, problem: string | undefined, options: string, modules: string): NetworkFeature => ({
    name,
    ok: problem === undefined,
    detail: problem ?? options,
    fix: problem === undefined ? '' : `use a kernel with ${options} ("modprobe ${modules}")`,
  });
  const vxlan = inUse.vxlan && tunnelProblem === undefined ? 'vxlan, in use' : 'vxlan';
  return [
    ...(programs.ip ? [feature('pod links', linksProblem, 'bridge, veth, routes', '-a bridge veth')] : []),
    ...(programs.ip
      ? [
          { ...feature('tunnels to other links', tunnelProblem, vxlan, 'vxlan'), optional: true as const },
          await encryption(programs, inUse.wireguard),
        ]
      : []),
    ...(programs.nft
      ? [
          feature(
            'nft rules',
            rulesProblem,
            'nat, masquerade, maps, reject, fib',
            '-a nf_tables nft_chain_nat nft_masq nft_reject_ipv4 nft_fib_ipv4 nft_numgen nft_hash nft_ct',
          ),
        ]
      : []),
  ];
}
