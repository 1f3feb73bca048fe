/** Which keys of nodes count: those that are proven, each for one node. */
import { readAnnouncement, type Announcement } from './wireguard-key.ts';
import type { NodeFacts } from './wanted-routes.ts';

export interface ReadAnnouncements {
  /** By name of the node. */
  readonly valid: ReadonlyMap<string, Announcement>;
  /** Why others do not count, each in one sentence. */
  readonly refused: readonly string[];
}

/** Remembers what it has read: proofs take time. */
export class Announcements {
  #known: ReadonlyMap<string, { readonly text: string; readonly announcement: Announcement | undefined }> = new Map();

  /** `nodes`: older ones first. Every node that knows the same Node objects decides alike. */
  async read(nodes: readonly NodeFacts[]): Promise<ReadAnnouncements> {
    const known = new Map<string, { readonly text: string; readonly announcement: Announcement | undefined }>();
    for (const { name, announcement: text } of nodes) {
      if (text === '') continue;
      const before = this.#known.get(name);
      known.set(name, before?.text === text ? before : { text, announcement: await readAnnouncement(name, text) });
    }
    this.#known = known;
    const valid = new Map<string, Announcement>();
    const owners = new Map<string, string>();
    const refused: string[] = [];
    for (const [name, { announcement }] of this.#known) {
      const owner = announcement === undefined ? undefined : owners.get(announcement.publicKey);
      if (announcement === undefined)
        refused.push(`what node ${name} says of its WireGuard is not its own: it is left out`);
      else if (owner !== undefined) {
        refused.push(
          `nodes ${owner} and ${name} have the same key of WireGuard: remove the file wireguard.key of ${name}`,
        );
      } else {
        valid.set(name, announcement);
        owners.set(announcement.publicKey, name);
      }
    }
    return { valid, refused };
  }
}
