import { z } from 'zod';
import type { ImageConfig } from '@timonel/sdk/contracts/images';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest');
const strings = z.array(z.string()).nullish();

type Strings = readonly string[] | null | undefined;
type Text = string | null | undefined;

/** The image configuration of the OCI image specification 1.1, as far as it is used. */
export interface Configuration {
  readonly architecture: string;
  readonly created?: Text;
  readonly config?:
    | {
        readonly Entrypoint?: Strings;
        readonly Cmd?: Strings;
        readonly Env?: Strings;
        readonly WorkingDir?: Text;
        readonly User?: Text;
        readonly StopSignal?: Text;
        readonly ExposedPorts?: Readonly<Record<string, unknown>> | null | undefined;
        readonly Labels?: Readonly<Record<string, string>> | null | undefined;
      }
    | null
    | undefined;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
}

export const configurationSchema: z.ZodType<Configuration> = z.object({
  architecture: z.string().default(''),
  created: z.string().nullish(),
  config: z
    .object({
      Entrypoint: strings,
      Cmd: strings,
      Env: strings,
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
      StopSignal: z.string().nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest) }),
});

export function imageConfigOf(configuration: Configuration): ImageConfig {
  const config = configuration.config ?? {};
  return {
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    env: config.Env ?? [],
    workingDir: config.WorkingDir ?? '',
    user: config.User ?? '',
    stopSignal: config.StopSignal ?? '',
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    labels: config.Labels ?? {},
  };
}

/** Fills what a caller left out. */
export function completeConfig(config: Partial<ImageConfig>): ImageConfig {
  const { entrypoint, cmd, env, workingDir, user, stopSignal, exposedPorts, labels } = config;
  return {
    entrypoint: entrypoint ?? [],
    cmd: cmd ?? [],
    env: env ?? [],
    workingDir: workingDir ?? '',
    user: user ?? '',
    stopSignal: stopSignal ?? '',
    exposedPorts: exposedPorts ?? [],
    labels: labels ?? {},
  };
}

/** The bytes of a configuration that Timonel itself makes. Keys in a fixed order: the digest is the image id. */
export function encodeConfiguration(config: ImageConfig, diffIds: readonly string[], created: string): Buffer {
  const value = {
    architecture: machineArchitecture(),
    os: 'linux',
    ...(created === '' ? {} : { created }),
    config: {
      Entrypoint: config.entrypoint,
      Cmd: config.cmd,
      Env: config.env,
      WorkingDir: config.workingDir,
      User: config.user,
      StopSignal: config.stopSignal,
      ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [port, {}])),
      Labels: config.labels,
    },
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  return Buffer.from(JSON.stringify(value));
}

/** This machine's architecture as OCI (and Go) name it. */
export function machineArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle', ppc64: 'ppc64le' };
  return names[process.arch] ?? process.arch;
}
