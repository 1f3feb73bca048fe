/** What pods ask for, in the words of CNI. Source: CNI conventions, "Dynamic Plugin specific fields". */
import type { AttachRequest } from '@timonel/sdk/contracts/network';

const leastBurstBits = 1024 * 1024;
/** So long may a burst go at full speed after a pause. */
const burstSeconds = 0.05;
/** The plugin bandwidth takes no larger ones. */
const mostBurstBits = 2 ** 31 - 1;

export function capabilitiesOf({ hostPorts, bandwidth }: AttachRequest): Readonly<Record<string, unknown>> {
  const portMappings = hostPorts?.map(({ protocol, hostIP, hostPort, containerPort }) => ({
    hostPort,
    containerPort,
    protocol: protocol.toLowerCase(),
    ...(hostIP === '' ? {} : { hostIP }),
  }));
  return {
    ...(portMappings === undefined ? {} : { portMappings }),
    ...(bandwidth === undefined
      ? {}
      : { bandwidth: { ...limit('ingress', bandwidth.ingress), ...limit('egress', bandwidth.egress) } }),
  };
}

function limit(way: 'ingress' | 'egress', rate: number | undefined): Readonly<Record<string, number>> {
  if (rate === undefined) return {};
  const burst = Math.max(leastBurstBits, Math.ceil(rate * burstSeconds));
  return { [`${way}Rate`]: rate, [`${way}Burst`]: Math.min(burst, mostBurstBits) };
}
