import { z } from 'zod';
import { levels } from './levels.ts';
import { versionOf, type Policy } from './policy.ts';

export interface Exemptions {
  readonly usernames: readonly string[];
  readonly runtimeClasses: readonly string[];
  readonly namespaces: readonly string[];
}

export interface PodSecurityConfig {
  /** For namespaces that have no label about it. */
  readonly defaults: Readonly<Record<keyof Policy, (typeof levels)[number]>> &
    Readonly<Record<`${keyof Policy}Version`, string>>;
  /** Who is asked nothing. */
  readonly exemptions: Exemptions;
}

const level = z.enum(levels).default('privileged');
const version = z
  .string()
  .refine((text) => versionOf(text) !== undefined, 'must be "latest" or "v1.x"')
  .default('latest');
const names = z.array(z.string().min(1)).max(1000).default([]);

const defaults = z.strictObject({
  enforce: level,
  enforceVersion: version,
  audit: level,
  auditVersion: version,
  warn: level,
  warnVersion: version,
});
const exemptions = z.strictObject({ usernames: names, runtimeClasses: names, namespaces: names });

export const configSchema: z.ZodType<PodSecurityConfig> = z.strictObject({
  defaults: defaults.prefault({}),
  exemptions: exemptions.prefault({}),
});

export function policyIn({ defaults: given }: PodSecurityConfig): Policy {
  return {
    enforce: { level: given.enforce, version: versionOf(given.enforceVersion) ?? 'latest' },
    audit: { level: given.audit, version: versionOf(given.auditVersion) ?? 'latest' },
    warn: { level: given.warn, version: versionOf(given.warnVersion) ?? 'latest' },
  };
}
