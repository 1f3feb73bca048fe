/** Services as kube-proxy's mode iptables writes them: a chain for each service, and one for each of its endpoints. */
import { createHash } from 'node:crypto';
import { podCidr, podPort, servicePort, type BenchService } from './bench-services.ts';

const hashed = (kind: string, text: string): string =>
  `KUBE-${kind}-${createHash('sha256').update(text).digest('hex').slice(0, 16).toUpperCase()}`;

function serviceRules({ name, address, endpoints }: BenchService): { chains: string[]; rules: string[] } {
  const service = hashed('SVC', name);
  const comment = (text: string): string => `-m comment --comment "default/${name}:http ${text}"`;
  const to = `-d ${address}/32 -p tcp ${comment('cluster IP')} -m tcp --dport ${servicePort}`;
  const chains = [service];
  const rules = [`-A KUBE-SERVICES ${to} -j ${service}`, `-A ${service} ! -s ${podCidr} ${to} -j KUBE-MARK-MASQ`];
  for (const [at, endpoint] of endpoints.entries()) {
    const chain = hashed('SEP', `${name} ${endpoint}`);
    const left = endpoints.length - at;
    const chance = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
    chains.push(chain);
    rules.push(
      `-A ${service} ${comment(`-> ${endpoint}:${podPort}`)} ${chance}-j ${chain}`,
      `-A ${chain} -s ${endpoint}/32 ${comment('')} -j KUBE-MARK-MASQ`,
      `-A ${chain} -p tcp ${comment('')} -m tcp -j DNAT --to-destination ${endpoint}:${podPort}`,
    );
  }
  return { chains, rules };
}

/** For iptables-restore. */
export function iptablesText(services: readonly BenchService[]): string {
  const parts = services.map(serviceRules);
  const chains = ['KUBE-SERVICES', 'KUBE-MARK-MASQ', 'KUBE-POSTROUTING', ...parts.flatMap(({ chains }) => chains)];
  const nat = [
    '*nat',
    ...chains.map((chain) => `:${chain} - [0:0]`),
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
    ...parts.flatMap(({ rules }) => rules),
    'COMMIT',
  ];
  const filter = [
    '*filter',
    ':KUBE-FORWARD - [0:0]',
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
  ];
  return `${[...nat, ...filter].join('\n')}\n`;
}
