/** Configuration of the election: times and rules are those of client-go's leader election. */
import { z } from 'zod';

export interface ElectionConfig {
  readonly leaseName: string;
  readonly leaseNamespace: string;
  readonly identity?: string | undefined;
  readonly leaseDurationSeconds: number;
  readonly renewDeadlineSeconds: number;
  readonly retryPeriodSeconds: number;
}

/** Waits of a standby are spread by up to this share. */
export const jitterShare = 0.2;

export const electionConfig: z.ZodType<ElectionConfig> = z
  .strictObject({
    /** Name of the Lease of coordination.k8s.io/v1. */
    leaseName: z.string().min(1).default('timonel-control-plane'),
    leaseNamespace: z.string().min(1).default('kube-system'),
    /** Name among the candidates; no two may share one. Default: the host's name and a random suffix, kept in the data directory. */
    identity: z.string().min(1).max(253).optional(),
    /** A standby takes a lease that was not renewed for this time. */
    leaseDurationSeconds: z.number().int().min(1).max(3600).default(15),
    /** A leader that could not renew for this time stops leading. */
    renewDeadlineSeconds: z.number().positive().default(10),
    /** Time between two attempts. */
    retryPeriodSeconds: z.number().positive().default(2),
  })
  .refine((config) => config.leaseDurationSeconds > config.renewDeadlineSeconds, {
    message:
      'leaseDurationSeconds must be greater than renewDeadlineSeconds: a leader must stop before another can begin',
  })
  .refine((config) => config.renewDeadlineSeconds > config.retryPeriodSeconds * (1 + jitterShare), {
    message: `renewDeadlineSeconds must be greater than retryPeriodSeconds times ${1 + jitterShare}: there must be time to try again`,
  });
