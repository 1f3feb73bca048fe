import type { Bandwidth } from '@timonel/sdk/contracts/network';
import { ifbOf } from './names.ts';

const leastBurstBytes = 128 * 1024;
/** So long may a burst go at full speed after a pause. */
const burstSeconds = 0.05;
/** Packets that would have to wait longer are dropped. */
const latency = '25ms';

/**
 * A script that limits a link. What goes to the pod leaves the host's end of its link and waits there; what comes from it arrives at
 * that end, where nothing can wait, and so is led through a link that only has a queue. Source: tc-tbf(8), tc-mirred(8).
 */
export function bandwidthScript(veth: string, { ingress, egress }: Bandwidth, mtuBytes: number): string {
  const ifb = ifbOf(veth);
  const steps: string[] = [];
  if (ingress !== undefined) steps.push(`tc qdisc replace dev ${veth} root ${bucket(ingress)}`);
  if (egress !== undefined) {
    steps.push(
      `ip link add ${ifb} mtu ${mtuBytes} type ifb`,
      `ip link set ${ifb} addrgenmode none up`,
      `tc qdisc replace dev ${ifb} root ${bucket(egress)}`,
      `tc qdisc add dev ${veth} ingress`,
      `tc filter add dev ${veth} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${ifb}`,
    );
  }
  return steps.join(' &&\n');
}

function bucket(bitsPerSecond: number): string {
  const burst = Math.max(leastBurstBytes, Math.ceil((bitsPerSecond / 8) * burstSeconds));
  return `tbf rate ${bitsPerSecond}bit burst ${Math.min(burst, 2 ** 31)} latency ${latency}`;
}
