/** The addresses of this node's pods: those of both families go together. */
import {
  formatIp,
  formatIpv4,
  NetworkError,
  parseIpRange,
  parseIpv4,
  parseIpv4Range,
  type IpRange,
  type Ipv4Range,
} from '@timonel/sdk/contracts/network';
import type { NetworkBridgeConfig } from './config.ts';

export class PodRanges {
  readonly range: Ipv4Range;
  readonly #range6: IpRange | undefined;
  /** Under which pods reach the node. */
  readonly gateway: string;
  /** Undefined: pods have IPv4 addresses alone. */
  readonly gateway6: string | undefined;

  constructor({ podCidr, podCidr6 }: NetworkBridgeConfig) {
    const range = parseIpv4Range(podCidr);
    if (range === undefined) throw new NetworkError('COMMAND_FAILED', `podCidr ${podCidr} is not an IPv4 range`);
    this.range = range;
    this.#range6 = podCidr6 === undefined ? undefined : parseIpRange(podCidr6);
    this.gateway = formatIpv4(range.first + 1);
    this.gateway6 = this.address6Of(this.gateway);
  }

  /** As texts, IPv4 first. */
  get ranges(): readonly { readonly range: IpRange; readonly gateway: string }[] {
    const { first, last, prefixLength } = this.range;
    const ipv4 = { family: 4, first: BigInt(first), last: BigInt(last), prefixLength } as const;
    const both = [{ range: ipv4, gateway: this.gateway }];
    if (this.#range6 === undefined || this.gateway6 === undefined) return both;
    return [...both, { range: this.#range6, gateway: this.gateway6 }];
  }

  /** The IPv6 address of the pod with this IPv4 address: as far from the beginning of its range. */
  address6Of(address: string): string | undefined {
    const value = parseIpv4(address);
    if (this.#range6 === undefined || value === undefined) return undefined;
    return formatIp({ family: 6, value: this.#range6.first + BigInt(value - this.range.first) });
  }
}
