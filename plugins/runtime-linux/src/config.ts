import { z } from 'zod';

const limit = z.strictObject({ soft: z.int().nonnegative(), hard: z.int().nonnegative() });

export const configSchema: z.ZodType<RuntimeLinuxConfig> = z
  .strictObject({
    cgroupParent: z
      .string()
      .regex(/^([A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*)?$/, 'must be a relative path such as "machine/pods"')
      .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')
      .default(''),
    openFilesLimit: limit.optional(),
    unprivilegedPorts: z.boolean().default(true),
    logMaxBytes: z
      .int()
      .nonnegative()
      .default(10 * 1024 ** 2),
    logMaxFiles: z.int().min(1).max(100).default(5),
    rootSwitch: z.enum(['auto', 'chroot']).default('auto'),
    runDirectory: z
      .string()
      .regex(/^(\/.*)?$/, 'must be an absolute path, or empty')
      .default(''),
    jobDeadlineSeconds: z.number().positive().max(3600).default(120),
  })
  .prefault({});

export interface RuntimeLinuxConfig {
  /** Control group, relative to the root of the hierarchies, below which all groups are made. Empty: the root. */
  readonly cgroupParent: string;
  /** RLIMIT_NOFILE of containers. Absent: that of the agent. */
  readonly openFilesLimit?: { readonly soft: number; readonly hard: number } | undefined;
  /** Let every user of a container listen on ports below 1024 of its own network namespace. */
  readonly unprivilegedPorts: boolean;
  /** A log file that would grow beyond becomes `<file>.1`, and so on. 0: no limit. */
  readonly logMaxBytes: number;
  /** Log files of a container's try that are kept, the one that is written to among them. */
  readonly logMaxFiles: number;
  /** How a container enters its root: `auto` is pivot_root, and chroot where that cannot work; `chroot` does not try. */
  readonly rootSwitch: 'auto' | 'chroot';
  /**
   * Below it, what a boot ends: namespaces, records of processes, sockets. Empty: `/run`, else `$XDG_RUNTIME_DIR`, else a folder of the
   * data directory.
   */
  readonly runDirectory: string;
  /** How long the native side may take to make or release a container or sandbox, before it is ended and that counts as failed. */
  readonly jobDeadlineSeconds: number;
}
