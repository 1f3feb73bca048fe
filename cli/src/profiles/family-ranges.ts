/** The address ranges of a cluster of one family, or of both. */
import { ipRangesOverlap, parseFamilyRanges, parseIpRange, type FamilyRanges } from '@timonel/sdk/contracts/network';
import { CliError, exitCodes } from '../errors.ts';

/** `10.244.0.0/24`, or one range of each family with a comma between. @throws CliError usage */
export function familyRanges(option: string, text: string): FamilyRanges {
  const ranges = parseFamilyRanges(text);
  if (ranges !== undefined) return ranges;
  throw new CliError(
    `${option} ${text} is not an IPv4 network, nor one of IPv4 and one of IPv6 with a comma between.`,
    exitCodes.usage,
  );
}

export function textsOf({ ipv4, ipv6 }: FamilyRanges): readonly string[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

/** As network-bridge has them. */
export function bridgeRanges(podCidr: string): { readonly podCidr: string; readonly podCidr6?: string } {
  const { ipv4, ipv6 } = familyRanges('--pod-cidr', podCidr);
  return { podCidr: ipv4, ...(ipv6 === undefined ? {} : { podCidr6: ipv6 }) };
}

/** The ranges that proxy-userspace serves, which is there where nft is not. @throws CliError */
export function withoutIpv6({ ipv4, ipv6 }: FamilyRanges): readonly string[] {
  if (ipv6 === undefined) return [ipv4];
  throw new CliError(
    'Services with addresses of IPv6 need the program nft on each node: apt-get install nftables. Or leave out the ranges of IPv6.',
  );
}

/** Pods and services must not have one address in common, and both the same families. @throws CliError usage */
export function checkFamilyRanges(podCidr: string, serviceCidr: string, podOption = '--pod-cidr'): void {
  const [pods, services] = [familyRanges(podOption, podCidr), familyRanges('--service-cidr', serviceCidr)];
  if ((pods.ipv6 === undefined) !== (services.ipv6 === undefined)) {
    const [has, lacks] = pods.ipv6 === undefined ? ['--service-cidr', podOption] : [podOption, '--service-cidr'];
    throw new CliError(`${has} has a range of IPv6 and ${lacks} has none: give both one, or neither.`, exitCodes.usage);
  }
  for (const pod of textsOf(pods)) {
    for (const service of textsOf(services)) {
      const [one, other] = [parseIpRange(pod), parseIpRange(service)];
      if (one === undefined || other === undefined || !ipRangesOverlap(one, other)) continue;
      throw new CliError(`${podOption} ${pod} and --service-cidr ${service} overlap: choose others.`, exitCodes.usage);
    }
  }
}
