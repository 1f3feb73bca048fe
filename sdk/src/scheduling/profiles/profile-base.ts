/** What a scheduler does when nothing is configured, and what a configuration makes of it. */
import type { PluginSetting, ProfileSettings } from '../profile.ts';
import { defaultProfile, type ProfileChanges } from '../standard-plugins.ts';

export type ProfileBase = (changes: ProfileChanges) => ProfileSettings;

/** Settings of the one overlaid by those of the other. */
function merged(own: readonly PluginSetting[], configured: readonly PluginSetting[]): PluginSetting[] {
  const byName = new Map(own.map((setting) => [setting.name, setting]));
  for (const setting of configured) byName.set(setting.name, { ...byName.get(setting.name), ...setting });
  return [...byName.values()];
}

/** The default profile of Kubernetes with a scheduler's own changes, on which those of the configuration come. */
export function profileBase({ disabled = [], plugins = [] }: ProfileChanges = {}): ProfileBase {
  return (changes) => {
    const named = new Set(changes.plugins?.map(({ name }) => name));
    return defaultProfile({
      ...changes,
      disabled: [...disabled.filter((name) => !named.has(name)), ...(changes.disabled ?? [])],
      plugins: merged(plugins, changes.plugins ?? []).filter(({ name }) => changes.disabled?.includes(name) !== true),
    });
  };
}
