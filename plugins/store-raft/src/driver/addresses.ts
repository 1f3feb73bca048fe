/** A member's entry in the configuration: its name and where it listens, `NAME=HOST:PORT`, as etcd's initial cluster is written. */
import type { Configuration, MemberId } from '../raft/index.ts';

export interface MemberAddress {
  readonly name: string;
  /** `HOST:PORT`; empty: it cannot be reached. */
  readonly peerUrl: string;
}

export function formatAddress({ name, peerUrl }: MemberAddress): string {
  return `${name}=${peerUrl}`;
}

export function parseAddress(id: MemberId, text: string | undefined): MemberAddress {
  const at = text?.lastIndexOf('=') ?? -1;
  if (text === undefined || at < 0) return { name: id, peerUrl: '' };
  return { name: text.slice(0, at), peerUrl: text.slice(at + 1) };
}

/** Where the other members are. */
export function addressesOf(configuration: Configuration, self: MemberId): Record<MemberId, string> {
  const addresses: Record<MemberId, string> = {};
  for (const [id, text] of Object.entries(configuration.addresses)) {
    const { peerUrl } = parseAddress(id, text);
    if (id !== self && peerUrl !== '') addresses[id] = peerUrl;
  }
  return addresses;
}
