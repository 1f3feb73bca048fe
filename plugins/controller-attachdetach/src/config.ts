import { z } from 'zod';

export interface AttachDetachConfig {
  readonly forceDetachAfterMs: number;
}

export const configSchema: z.ZodType<AttachDetachConfig> = z.strictObject({
  /**
   * How long the volume of a pod that is gone waits for a node that is not ready to say that it is not in use any more. After that it is
   * detached all the same.
   */
  forceDetachAfterMs: z.number().int().min(0).default(360_000),
}) as z.ZodType<AttachDetachConfig>;
