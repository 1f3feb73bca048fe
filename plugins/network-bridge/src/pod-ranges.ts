/** The addresses of this node's pods. Those of both families go together: as far from the beginning of their ranges. */
import {
  formatIp,
  NetworkError,
  parseIp,
  parseIpRange,
  type IpFamily,
  type IpRange,
} from '@timonel/sdk/contracts/network';
import type { NetworkBridgeConfig } from './config.ts';

interface PodRange {
  readonly range: IpRange;
  /** Under which pods reach the node. */
  readonly gateway: string;
}

/** MAC addresses are made of four bytes. */
const mostOffset = 2n ** 32n - 1n;

export class PodRanges {
  /** IPv4 first. The first one is that of the addresses by which pods are known. */
  readonly ranges: readonly [PodRange, ...PodRange[]];

  constructor({ podCidr, podCidr6 }: NetworkBridgeConfig) {
    this.ranges = [podRange('podCidr', podCidr), ...(podCidr6 === undefined ? [] : [podRange('podCidr6', podCidr6)])];
  }

  /** Undefined: pods have no addresses of this family. */
  gatewayOf(family: IpFamily): string | undefined {
    return this.ranges.find(({ range }) => range.family === family)?.gateway;
  }

  /** How far the last address of a pod is from the beginning. */
  get lastOffset(): number {
    const { family, first, last } = this.ranges[0].range;
    // Not the broadcast address, which IPv6 does not have.
    const offset = last - first - (family === 4 ? 1n : 0n);
    return Number(offset < mostOffset ? offset : mostOffset);
  }

  /** Undefined: it is not of the first range. */
  offsetOf(address: string): number | undefined {
    const { family, first, last } = this.ranges[0].range;
    const parsed = parseIp(address);
    if (parsed?.family !== family || parsed.value < first || parsed.value > last) return undefined;
    return Number(parsed.value - first);
  }

  addressesAt(offset: number): readonly [string, ...string[]] {
    const [first, ...others] = this.ranges;
    return [addressAt(first, offset), ...others.map((other) => addressAt(other, offset))];
  }

  /** All of the pod with this address. */
  addressesOf(address: string): readonly string[] {
    const offset = this.offsetOf(address);
    return offset === undefined ? [address] : this.addressesAt(offset);
  }

  /** A locally administered address made of the IP address: known before the link is there, unique on the bridge. */
  macAt(offset: number): string {
    const { family, first } = this.ranges[0].range;
    const number = family === 4 ? first + BigInt(offset) : BigInt(offset);
    const bytes = [24n, 16n, 8n, 0n].map((shift) => ((number >> shift) & 255n).toString(16).padStart(2, '0'));
    return `0a:58:${bytes.join(':')}`;
  }
}

function podRange(key: string, text: string): PodRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new NetworkError('COMMAND_FAILED', `${key} ${text} is not a range of addresses`);
  return { range, gateway: formatIp({ family: range.family, value: range.first + 1n }) };
}

function addressAt({ range: { family, first } }: PodRange, offset: number): string {
  return formatIp({ family, value: first + BigInt(offset) });
}
