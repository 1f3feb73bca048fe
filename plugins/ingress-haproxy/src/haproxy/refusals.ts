/** Whose routes and certificates haproxy refuses: they alone are left out, until they change. */
import { createHash } from 'node:crypto';
import type { RoutingTable } from '../routing/model.ts';

/** What haproxy has against a table. Undefined: nothing. */
export type Check = (table: RoutingTable) => Promise<string | undefined>;

interface Refusal {
  readonly content: string;
  readonly message: string;
}

function restricted(table: RoutingTable, keeps: (owner: string) => boolean): RoutingTable {
  const isKept = ({ owner }: { readonly owner?: string }): boolean => owner === undefined || keeps(owner);
  return {
    ...table,
    routes: table.routes.filter(isKept),
    listeners: table.listeners.map((listener) => ({
      ...listener,
      certificates: listener.certificates.filter(isKept),
    })),
  };
}

function ownersOf({ routes, listeners }: RoutingTable): string[] {
  const all = [...routes, ...listeners.flatMap(({ certificates }) => certificates)];
  return [...new Set(all.flatMap(({ owner }) => owner ?? []))].toSorted();
}

/** Of all that is of the owner, with the upstreams that it names. */
function contentOf(table: RoutingTable, owner: string): string {
  const { routes, listeners } = restricted(table, (other) => other === owner);
  const upstreams = routes.flatMap(({ target }) =>
    target.kind === 'choices' ? target.choices.map(({ upstream }) => table.upstreams.get(upstream ?? '')) : [],
  );
  return createHash('sha256')
    .update(JSON.stringify([routes, listeners, upstreams]))
    .digest('hex');
}

/** Halves until one is left: of n owners with one that is refused, some 2 log n checks. */
async function culprits(
  owners: readonly string[],
  check: (owners: ReadonlySet<string>) => Promise<string | undefined>,
): Promise<(readonly [owner: string, message: string])[]> {
  const [first] = owners;
  if (first === undefined) return [];
  const message = await check(new Set(owners));
  if (message === undefined) return [];
  if (owners.length === 1) return [[first, message]];
  const middle = owners.length >> 1;
  return [...(await culprits(owners.slice(0, middle), check)), ...(await culprits(owners.slice(middle), check))];
}

export class Refusals {
  readonly #known = new Map<string, Refusal>();

  /** Why, by owner. */
  get messages(): ReadonlyMap<string, string> {
    return new Map([...this.#known].map(([owner, { message }]) => [owner, message]));
  }

  /** The table without what was refused and is still the same. */
  without(table: RoutingTable): RoutingTable {
    for (const [owner, { content }] of this.#known) if (contentOf(table, owner) !== content) this.#known.delete(owner);
    return this.#known.size === 0 ? table : restricted(table, (owner) => !this.#known.has(owner));
  }

  /** Finds who is refused in a table that is. @throws Error when it is refused without what anybody owns */
  async find(table: RoutingTable, check: Check): Promise<void> {
    const fault = await check(restricted(table, () => false));
    if (fault !== undefined) throw new Error(`haproxy refuses its configuration: ${fault}`);
    const found = await culprits(ownersOf(table), (owners) => check(restricted(table, (owner) => owners.has(owner))));
    for (const [owner, message] of found) this.#known.set(owner, { content: contentOf(table, owner), message });
  }
}

/** Of what `haproxy -c` wrote: what is wrong, without the paths of files. */
export function complaintOf(text: string): string {
  const alerts = text.split('\n').flatMap((line) => /^\[ALERT\]\s+\(\d+\) : (?:config : )?(.*)$/.exec(line)?.[1] ?? []);
  const [first = text.trim()] = alerts;
  return first
    .replaceAll(/parsing \[[^\]]*\] ?: ?/g, '')
    .replaceAll(/\/\S*\//g, '')
    .slice(0, 300);
}
