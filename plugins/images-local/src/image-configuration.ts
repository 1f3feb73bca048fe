import { z } from 'zod';
import type { ImageConfig } from '@timonel/sdk/contracts/images';
import type { Limits } from './config.ts';
import { machineArchitecture, type Platform } from './platform.ts';
import { corrupt } from './unpack/corrupt.ts';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest');
const strings = z.array(z.string()).nullish();

type Strings = readonly string[] | null | undefined;
type Text = string | null | undefined;

/** The image configuration of the OCI image specification 1.1, as far as it is used. */
export interface Configuration {
  readonly architecture: string;
  readonly os?: Text;
  readonly variant?: Text;
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
  os: z.string().nullish(),
  variant: z.string().nullish(),
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

/** @throws CorruptImage when the configuration and its manifest do not belong together, or no root can be made of so many layers */
export function checkDiffIds(diffIds: readonly string[], layers: number, limits: Pick<Limits, 'maxLayers'>): void {
  if (diffIds.length !== layers) {
    throw corrupt(`the configuration names ${diffIds.length} layers, the manifest ${layers}`);
  }
  if (layers === 0 || layers > limits.maxLayers) {
    throw corrupt(`the image has ${layers} layers; 1 to ${limits.maxLayers} are possible`);
  }
}

/** Undefined: it does not say. */
export function platformOf({ os, architecture, variant }: Configuration): Platform | undefined {
  return architecture === '' ? undefined : { os: os || 'linux', architecture, variant: variant ?? '' };
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
