import type { Linked } from './links.ts';

/** Visits every plugin after all that it comes after; those that do not depend on each other side by side. */
export async function visitInOrder(
  plugins: readonly Linked[],
  visit: (plugin: Linked) => Promise<void>,
): Promise<void> {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const visits = new Map<string, Promise<void>>();
  const begin = (plugin: Linked): Promise<void> => {
    let running = visits.get(plugin.name);
    if (running === undefined) {
      const before = plugin.after.map((name) => byName.get(name)).filter((other) => other !== undefined);
      running = Promise.all(before.map(begin)).then(() => visit(plugin));
      visits.set(plugin.name, running);
    }
    return running;
  };
  await Promise.all(plugins.map(begin));
}

/** The same plugins with all arrows turned round: consumers before providers. */
export function reversed(plugins: readonly Linked[]): Linked[] {
  return plugins.map((plugin) => ({
    ...plugin,
    after: plugins.filter((other) => other.after.includes(plugin.name)).map(({ name }) => name),
  }));
}

/** Names in a start order: providers first, otherwise as given. */
export function startOrder(plugins: readonly Linked[]): string[] {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const order = new Set<string>();
  const add = (plugin: Linked): void => {
    if (order.has(plugin.name)) return;
    for (const name of plugin.after) {
      const before = byName.get(name);
      if (before !== undefined) add(before);
    }
    order.add(plugin.name);
  };
  for (const plugin of plugins) add(plugin);
  return [...order];
}
