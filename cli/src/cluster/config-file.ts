import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { defaultLimits, type KernelLimits } from '@timonel/core';
import { CliError, exitCodes } from '../errors.ts';

/** Every limit of the kernel under its own name, in ms or pieces. */
const limits = z.strictObject(
  Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, z.number().int().min(0).optional()])) as Record<
    keyof KernelLimits,
    z.ZodOptional<z.ZodNumber>
  >,
);

const schema = z.strictObject({
  profile: z.string().optional(),
  nodeName: z.string().optional(),
  listen: z.string().optional(),
  podCidr: z.string().optional(),
  serviceCidr: z.string().optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  onShutdown: z.enum(['remove', 'keep']).optional(),
  kernel: limits.optional(),
  plugins: z
    .record(
      z.string(),
      z.strictObject({
        enabled: z.boolean().optional(),
        /** Path of the plugin's file, for plugins that do not ship with Timonel. */
        file: z.string().optional(),
        config: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .optional(),
});

/** The configuration file of `timonel up --config`. */
export type ConfigFile = z.output<typeof schema>;

/** Reads the YAML file. @throws CliError usage, which names the line or the key. */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CliError(`The configuration file ${path} cannot be read.`, exitCodes.usage, { cause });
  }
  const document = parseDocument(text);
  const problem = document.errors[0];
  if (problem !== undefined) throw new CliError(`${path}: ${problem.message.split('\n')[0]}`, exitCodes.usage);
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const findings = parsed.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const at = issue.path.length === 0 ? '' : ` in ${issue.path.join('.')}`;
      return `unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')}${at}`;
    }
    return `${issue.path.join('.')}: ${issue.message}`;
  });
  throw new CliError(
    `${path}: ${findings.join('; ')}. Known keys: ${Object.keys(schema.shape).join(', ')}.`,
    exitCodes.usage,
  );
}
