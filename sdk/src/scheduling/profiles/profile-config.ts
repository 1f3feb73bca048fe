/** The configuration of schedulers that are made of profiles. */
import { z } from 'zod';
import type { ProfileChanges } from '../standard-plugins.ts';

const setting = z.strictObject({
  /** As in Kubernetes: `NodeResourcesFit`; or of a plugin that another one contributes. */
  name: z.string().min(1),
  /** Of its scores; 0: they do not count. Default: the plugin's own. */
  weight: z.number().min(0).max(1_000_000).optional(),
  /** Handed to the plugin as it is. */
  config: z.unknown().optional(),
});

const profile = z.strictObject({
  /** Pods of this `spec.schedulerName`. */
  schedulerName: z.string().min(1).max(253).default('default-scheduler'),
  /** Plugins that are left out. */
  disabled: z.array(z.string().min(1)).max(200).default([]),
  /** Weights and configurations of plugins, and further plugins, which run after the standard ones. */
  plugins: z.array(setting).max(200).default([]),
});

export interface ProfilesConfig {
  readonly profiles: readonly ProfileChanges[];
}

const profileList = z.array(profile).min(1).max(100);
const oneProfile = [{ schedulerName: 'default-scheduler', disabled: [], plugins: [] }];

/** The shape of a plugin's configuration: extend it with further keys. */
export const profilesConfig: z.ZodObject<{
  /** One for each `spec.schedulerName` that the scheduler takes. */
  profiles: z.ZodDefault<z.ZodType<readonly ProfileChanges[]>>;
}> = z.strictObject({
  profiles: (profileList as z.ZodType<readonly ProfileChanges[]>).default(oneProfile),
});

export interface ProfilesBody {
  readonly spec: ProfilesConfig;
}

/** What may be put: what was got, changed. */
export const profilesBody: z.ZodType<ProfilesBody> = z.strictObject({
  kind: z.literal('SchedulerProfiles').optional(),
  apiVersion: z.literal('scheduling.timonel.dev/v1').optional(),
  metadata: z.unknown().optional(),
  spec: z.strictObject({ profiles: profileList }),
  status: z.unknown().optional(),
}) as unknown as z.ZodType<ProfilesBody>;
