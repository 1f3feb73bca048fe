import { getOrCreate } from '../collections/get-or-create.ts';
import type { Linked } from './links.ts';

/** Visits every plugin after all that it comes after; those that do not depend on each other side by side. */
export async function visitInOrder(
  plugins: readonly Linked[],
  visit: (plugin: Linked) => Promise<void>,
): Promise<void> {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const visits = new Map<string, Promise<void>>();
  const begin = (plugin: Linked): Promise<void> =>
    getOrCreate(visits, plugin.name, () => {
      const before = plugin.after.map((name) => byName.get(name)).filter((other) => other !== undefined);
      return Promise.all(before.map(begin)).then(() => visit(plugin));
    });
  await Promise.all(plugins.map(begin));
}

/** The same plugins with all arrows turned round: consumers before providers. */
export function reversed(plugins: readonly Linked[]): Linked[] {
  return plugins.map((plugin) => ({
    ...plugin,
    after: plugins.filter((other) => other.after.includes(plugin.name)).map(({ name }) => name),
  }));
}

/** A start order (providers first, otherwise as given), and every cycle once, as a path that ends where it began. */
export function sortPlugins(plugins: readonly Linked[]): { readonly order: string[]; readonly cycles: string[][] } {
  const after = new Map(plugins.map((plugin) => [plugin.name, plugin.after]));
  const finished = new Set<string>();
  const cycles: string[][] = [];
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at >= 0) {
      cycles.push([...path.slice(at), name]);
      return;
    }
    if (finished.has(name)) return;
    for (const next of after.get(name) ?? []) visit(next, [...path, name]);
    finished.add(name);
  };
  for (const { name } of plugins) visit(name, []);
  return { order: [...finished], cycles };
}
