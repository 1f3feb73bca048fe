import { z } from 'zod';

export const configSchema: z.ZodType<ContainerdConfig> = z
  .strictObject({
    socket: z.string().regex(/^\/.+/, 'must be an absolute path').max(100).default('/run/containerd/containerd.sock'),
    runtimeHandler: z
      .string()
      .regex(/^[A-Za-z0-9_.-]*$/, 'must be the name of a runtime in config.toml such as "runc"')
      .default(''),
    cgroupParent: z
      .string()
      .regex(/^([A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*)?$/, 'must be a relative path such as "machine/pods"')
      .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')
      .default(''),
    unprivilegedPorts: z.boolean().default(true),
    logMaxBytes: z
      .int()
      .nonnegative()
      .default(10 * 1024 ** 2),
    logMaxFiles: z.int().min(1).max(100).default(5),
    ctr: z.string().min(1).default('ctr'),
  })
  .prefault({});

export interface ContainerdConfig {
  /** Where containerd listens. */
  readonly socket: string;
  /** Which of the runtimes in containerd's config.toml runs the containers. Empty: its default one. */
  readonly runtimeHandler: string;
  /** Control group, relative to the root of the hierarchies, below which all groups are made. Empty: the root. */
  readonly cgroupParent: string;
  /** Let every user of a container listen on ports below 1024 of its own network namespace. */
  readonly unprivilegedPorts: boolean;
  /** A log file that has grown beyond becomes `<file>.1`, and so on: looked at twice a second. 0: no limit. */
  readonly logMaxBytes: number;
  /** Log files of a container's try that are kept, the one that is written to among them. */
  readonly logMaxFiles: number;
  /** The command that imports images, of containerd's own package. */
  readonly ctr: string;
}
