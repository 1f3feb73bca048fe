import type { AnyPlugin, ServiceToken } from '@timonel/sdk';
import { tokensOf } from './check-definition.ts';

/** A service that a plugin uses, and the plugins that offer it. */
export interface Need {
  readonly token: ServiceToken;
  readonly providers: readonly string[];
}

/** A plugin among the others. */
export interface Linked {
  readonly name: string;
  readonly definition: AnyPlugin;
  /** Required: at least one of the providers of each must run. */
  readonly needs: readonly Need[];
  /** Plugins that start before this one and stop after it. */
  readonly after: readonly string[];
}

/** Which of the definitions offer a token (of the same major). */
export function providersOf(token: ServiceToken, definitions: readonly AnyPlugin[]): string[] {
  return definitions
    .filter((definition) => tokensOf(definition, 'provides').some(([, offered]) => sameService(offered, token)))
    .map(({ name }) => name);
}

export function sameService(a: ServiceToken, b: ServiceToken): boolean {
  return a.id === b.id && a.major === b.major;
}

function reaches(edges: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const stack = [from];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    stack.push(...(edges.get(name) ?? []));
  }
  return false;
}

/**
 * Links consumers to providers. Optional dependencies order the start too, but only where they close no cycle: two
 * plugins may use each other optionally.
 */
export function linkPlugins(definitions: readonly AnyPlugin[]): Linked[] {
  const plugins = definitions.map((definition) => {
    const required = tokensOf(definition, 'requires').map(([, token]) => token);
    const needs = required.map((token) => ({ token, providers: providersOf(token, definitions) }));
    return { name: definition.name, definition, needs };
  });
  const edges = new Map(plugins.map(({ name, needs }) => [name, new Set(needs.flatMap(({ providers }) => providers))]));
  for (const definition of definitions) {
    for (const [, token] of tokensOf(definition, 'optional')) {
      for (const provider of providersOf(token, definitions)) {
        if (!reaches(edges, provider, definition.name)) edges.get(definition.name)?.add(provider);
      }
    }
  }
  return plugins.map((plugin) => ({ ...plugin, after: [...(edges.get(plugin.name) ?? [])] }));
}
