/** Finds everything that is wrong with profiles before one of them runs. */
import { didYouMean, errorMessage } from '../../kernel/index.ts';
import type { PluginRegistry, PluginSetting } from '../profile.ts';
import type { ProfileChanges } from '../standard-plugins.ts';

export interface ProfileProblem {
  /** `profiles[0].plugins[2].weight` */
  readonly field: string;
  /** As apimachinery names them. */
  readonly reason: 'FieldValueNotSupported' | 'FieldValueDuplicate' | 'FieldValueInvalid';
  readonly message: string;
}

function unknownName(field: string, name: string, registry: PluginRegistry): ProfileProblem {
  const message = `nobody offers a plugin "${name}"${didYouMean(name, registry.keys())}`;
  return { field, reason: 'FieldValueNotSupported', message };
}

function settingProblems(field: string, setting: PluginSetting, registry: PluginRegistry): ProfileProblem[] {
  const { name, weight, config } = setting;
  const factory = registry.get(name);
  if (factory === undefined) return [unknownName(`${field}.name`, name, registry)];
  try {
    const plugin = factory(config);
    if (weight === undefined || plugin.score !== undefined) return [];
    const message = `"${name}" does not score: it takes no weight`;
    return [{ field: `${field}.weight`, reason: 'FieldValueInvalid', message }];
  } catch (error) {
    return [{ field: `${field}.config`, reason: 'FieldValueInvalid', message: errorMessage(error) }];
  }
}

function profileProblems(
  field: string,
  { disabled = [], plugins = [] }: ProfileChanges,
  registry: PluginRegistry,
): ProfileProblem[] {
  const problems = disabled.flatMap((name, at) =>
    registry.has(name) ? [] : [unknownName(`${field}.disabled[${at}]`, name, registry)],
  );
  const seen = new Set<string>();
  for (const [at, setting] of plugins.entries()) {
    const path = `${field}.plugins[${at}]`;
    const { name } = setting;
    if (seen.has(name)) {
      problems.push({ field: `${path}.name`, reason: 'FieldValueDuplicate', message: `"${name}" is there twice` });
    } else if (disabled.includes(name)) {
      const message = `"${name}" is also in "disabled"`;
      problems.push({ field: `${path}.name`, reason: 'FieldValueInvalid', message });
    } else problems.push(...settingProblems(path, setting, registry));
    seen.add(name);
  }
  return problems;
}

export function checkProfiles(profiles: readonly ProfileChanges[], registry: PluginRegistry): ProfileProblem[] {
  const names = new Set<string>();
  return profiles.flatMap((profile, at) => {
    const { schedulerName = 'default-scheduler' } = profile;
    const field = `profiles[${at}]`;
    const problems = profileProblems(field, profile, registry);
    if (names.has(schedulerName)) {
      const message = `two profiles have the name "${schedulerName}"`;
      problems.push({ field: `${field}.schedulerName`, reason: 'FieldValueDuplicate', message });
    }
    names.add(schedulerName);
    return problems;
  });
}
