/** The groups and versions of the kinds of this server. */
import type { ServedVersion } from '@timonel/sdk/contracts/api-server';
import type { Kind } from '../kinds/kind-table.ts';

export class ServedList {
  readonly #kinds: { readonly generation: number; all(): readonly Kind[] };
  readonly #checkAreKnown: () => void;
  #generation = -1;
  #versions: readonly ServedVersion[] = [];

  constructor(kinds: { readonly generation: number; all(): readonly Kind[] }, checkAreKnown: () => void) {
    this.#kinds = kinds;
    this.#checkAreKnown = checkAreKnown;
  }

  /** Undefined: there may be more. */
  all(): readonly ServedVersion[] | undefined {
    try {
      this.#checkAreKnown();
    } catch {
      return undefined;
    }
    const { generation } = this.#kinds;
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#versions = versionsOf(this.#kinds.all());
    }
    return this.#versions;
  }
}

function versionsOf(kinds: readonly Kind[]): readonly ServedVersion[] {
  const found = new Map<string, ServedVersion>();
  for (const { definition, apiVersion, form } of kinds) {
    const isDefinedByObjects = form !== undefined && found.get(apiVersion)?.isDefinedByObjects !== false;
    found.set(apiVersion, { group: definition.group, version: definition.version, isDefinedByObjects });
  }
  return [...found.values()];
}
