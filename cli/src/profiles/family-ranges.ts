/** The address ranges of a cluster of one family, or of both. */
import { isIPv4 } from 'node:net';
import {
  familyRangeTexts,
  ipRangesOverlap,
  parseFamilyRanges,
  parseIpRange,
  type FamilyRanges,
  type IpFamily,
} from '@timonel/sdk/contracts/network';
import { CliError, exitCodes } from '../errors.ts';

/** What a range is for, and how long its prefix may be. */
export interface RangeKind {
  readonly option: string;
  /** Shortest and longest prefix. */
  readonly lengths: Readonly<Record<IpFamily, readonly [least: number, most: number]>>;
}

/** The addresses of services, as service-allocator takes them. */
const serviceRange: RangeKind = { option: '--service-cidr', lengths: { 4: [8, 29], 6: [108, 125] } };
/** The addresses of one node's pods, as network-bridge takes them. */
export const nodeRange: RangeKind = { option: '--pod-cidr', lengths: { 4: [8, 29], 6: [16, 125] } };
/** The addresses of all nodes' pods. What is left for each node, controller-nodeipam looks at. */
export const clusterRange: RangeKind = { option: '--cluster-cidr', lengths: { 4: [8, 24], 6: [16, 124] } };

/** `10.244.0.0/24` or `fd00::/64`, or one range of each family with a comma between. @throws CliError usage */
export function familyRanges(option: string, text: string): FamilyRanges {
  const ranges = parseFamilyRanges(text);
  if (ranges !== undefined) return ranges;
  throw new CliError(
    `${option} ${text} is not a network such as 10.244.0.0/24 or fd00:10:244::/64, nor one of each family with a comma between.`,
    exitCodes.usage,
  );
}

export function hasIpv6Alone(text: string): boolean {
  const ranges = parseFamilyRanges(text);
  return ranges !== undefined && ranges.ipv4 === undefined;
}

/** A node has an address of a family that its pods have. `clusterCidr`: of all pods. @throws CliError usage */
export function checkNodeAddress(clusterCidr: string, nodeAddress: string): void {
  if (!isIPv4(nodeAddress) || !hasIpv6Alone(clusterCidr)) return;
  throw new CliError(
    `The pods of this cluster have IPv6 addresses alone, and ${nodeAddress} is none: give --node-address with the IPv6 address under which the others reach this machine.`,
    exitCodes.usage,
  );
}

/** As network-bridge has them. */
export function bridgeRanges(podCidr: string): { readonly podCidr: string; readonly podCidr6?: string } {
  const [first = '', second] = familyRangeTexts(familyRanges('--pod-cidr', podCidr));
  return { podCidr: first, ...(second === undefined ? {} : { podCidr6: second }) };
}

/** @throws CliError usage */
export function checkLengths({ option, lengths }: RangeKind, text: string): void {
  for (const one of familyRangeTexts(familyRanges(option, text))) {
    const range = parseIpRange(one);
    if (range === undefined) continue;
    const [least, most] = lengths[range.family];
    if (range.prefixLength >= least && range.prefixLength <= most) continue;
    throw new CliError(`${option} ${one} must have a prefix between /${least} and /${most}.`, exitCodes.usage);
  }
}

/** Pods and services must not have one address in common, and both the same families. @throws CliError usage */
export function checkFamilyRanges(podCidr: string, serviceCidr: string, podKind: RangeKind = nodeRange): void {
  checkLengths(podKind, podCidr);
  checkLengths(serviceRange, serviceCidr);
  const [podOption, serviceOption] = [podKind.option, serviceRange.option];
  const [pods, services] = [familyRanges(podOption, podCidr), familyRanges(serviceOption, serviceCidr)];
  for (const [family, key] of [
    ['IPv4', 'ipv4'],
    ['IPv6', 'ipv6'],
  ] as const) {
    if ((pods[key] === undefined) === (services[key] === undefined)) continue;
    const [has, lacks] = pods[key] === undefined ? [serviceOption, podOption] : [podOption, serviceOption];
    throw new CliError(
      `${has} has a range of ${family} and ${lacks} has none: give both one, or neither.`,
      exitCodes.usage,
    );
  }
  for (const pod of familyRangeTexts(pods)) {
    for (const service of familyRangeTexts(services)) {
      const [one, other] = [parseIpRange(pod), parseIpRange(service)];
      if (one === undefined || other === undefined || !ipRangesOverlap(one, other)) continue;
      throw new CliError(
        `${podOption} ${pod} and ${serviceOption} ${service} overlap: choose others.`,
        exitCodes.usage,
      );
    }
  }
}
