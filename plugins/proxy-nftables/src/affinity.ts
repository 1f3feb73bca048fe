/**
 * Session affinity by the address of the client. Each endpoint of such a service port has a set of the clients that it took last, which the
 * kernel fills and empties by itself: who is found in a set goes to that endpoint again, all others go to any.
 */
import { createHash } from 'node:crypto';
import type { Backend, ServicePortRule } from '@timonel/sdk/contracts/proxy';
import type { Ip } from './ip.ts';

/** A service port whose clients are remembered. */
export interface Sticky {
  /** Other ports, and other services, have a memory of their own. */
  readonly id: string;
  readonly protocol: ServicePortRule['protocol'];
  /** How long, from its last new connection on. */
  readonly seconds: number;
}

/** A chain by its name, which stands for one text, now and later. */
export type NamedChain = readonly [name: string, lines: readonly string[]];

export interface StickyChoice {
  /** Leads to one of the endpoints. */
  readonly entry: string;
  /** That one, too; those that it leads to come before it. */
  readonly chains: readonly NamedChain[];
  /** Of clients. */
  readonly sets: readonly string[];
}

/** Without a size: with one the kernel takes memory for all of it at once, and not for what is used, of at most 65,535 clients. */
export function clientSetDefinition(ip: Ip): readonly string[] {
  return [`type ${ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr'}`, 'flags dynamic,timeout'];
}

function hashOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 16);
}

/** A choice among at least one backend. */
export function stickyChoice({ id, protocol, seconds }: Sticky, backends: readonly Backend[], ip: Ip): StickyChoice {
  const endpoints = backends.map(({ address, port }) => {
    const place = ip === 'ip' ? `${address}:${port}` : `[${address}]:${port}`;
    return {
      place,
      set: `clients_${hashOf(id, protocol, place)}`,
      chain: `to_${hashOf(id, protocol, place, seconds)}`,
    };
  });
  const chains = endpoints.map(({ place, set, chain }): NamedChain => {
    // Two rules: a full set ends its rule, and the client goes on, without being remembered.
    const remember = `update @${set} { ${ip} saddr timeout ${seconds}s }`;
    return [chain, [remember, `meta l4proto ${protocol.toLowerCase()} dnat ${ip} to ${place}`]];
  });
  // Of those that are left, each is as likely. A map in one rule would be one more set, and the kernel looks all sets through for each.
  const any = endpoints.map(({ chain }, number) => {
    const left = endpoints.length - number;
    return `${left === 1 ? '' : `numgen random mod ${left} == 0 `}goto ${chain}`;
  });
  const again = endpoints.map(({ set, chain }) => `${ip} saddr @${set} goto ${chain}`);
  const entry = `stay_${hashOf(...endpoints.map(({ chain }) => chain))}`;
  return { entry, chains: [...chains, [entry, [...again, ...any]]], sets: endpoints.map(({ set }) => set) };
}
