import { z } from 'zod';
import { seccompActions, seccompOperators, type SeccompRules, type SyscallRule } from './rules.ts';

/** For whom a profile in Docker's format is read: such a profile has rules for some capabilities, kernels and architectures only. */
export interface SeccompReader {
  /** Of the container, without `CAP_`. */
  readonly capabilities: readonly string[];
  /** Node's name of the node's: `x64`, `arm64`. */
  readonly architecture: string;
  /** As `uname -r` has it. */
  readonly kernel: string;
}

/** Longer texts are refused before they are parsed. */
export const longestSeccompProfile: number = 1 << 20;

const mark = '\u0001';
const largest = (1n << 64n) - 1n;
const word = z
  .union([
    z.int().nonnegative(),
    z
      .string()
      .startsWith(mark)
      .transform((text) => BigInt(text.slice(1))),
  ])
  .refine((value) => BigInt(value) <= largest, 'must have 64 bits at most');
const names = z.array(z.string());
const when = z.object({ caps: names.nullish(), arches: names.nullish(), minKernel: z.string().nullish() });

const schema = z.object({
  defaultAction: z.enum(seccompActions),
  defaultErrnoRet: z.int().nonnegative().nullish(),
  architectures: names.nullish(),
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: names.nullish() })).nullish(),
  flags: names.nullish(),
  listenerPath: z.string().nullish(),
  syscalls: z
    .array(
      z.object({
        names: names.nullish(),
        name: z.string().nullish(),
        action: z.enum(seccompActions),
        errnoRet: z.int().nonnegative().nullish(),
        args: z
          .array(
            z.object({
              index: z.int().min(0).max(5),
              value: word.default(0),
              valueTwo: word.nullish(),
              op: z.enum(seccompOperators),
            }),
          )
          .nullish(),
        includes: when.nullish(),
        excludes: when.nullish(),
      }),
    )
    .nullish(),
});

type Rule = NonNullable<z.output<typeof schema>['syscalls']>[number];
type When = z.output<typeof when>;

/** A profile as it stands in a file, in the format of the OCI runtime specification or of Docker. @throws Error saying what is wrong */
export function readSeccompProfile(text: string, reader: SeccompReader): SeccompRules {
  if (text.length > longestSeccompProfile) throw new Error(`is longer than ${longestSeccompProfile} bytes`);
  const parsed = schema.safeParse(parseExactly(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join('.') || 'the profile'}: ${issue?.message ?? 'is not valid'}`);
  }
  const { defaultAction, defaultErrnoRet, architectures, archMap, flags, listenerPath, syscalls } = parsed.data;
  const mapped = (archMap ?? [])
    .filter(({ architecture }) => architecture === ownArchitecture(reader.architecture))
    .flatMap(({ architecture, subArchitectures }) => [architecture, ...(subArchitectures ?? [])]);
  return {
    defaultAction,
    ...given({ defaultErrnoRet, flags, listenerPath: listenerPath === '' ? undefined : listenerPath }),
    architectures: [...(architectures ?? []), ...mapped],
    syscalls: (syscalls ?? []).filter((rule) => applies(rule, reader)).map(plainRule),
  };
}

/** Without what is absent. */
function given<T extends object>(all: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries) as { [Key in keyof T]?: NonNullable<T[Key]> };
}

/** JSON with numbers beyond 2^53 kept as text behind a mark. */
function parseExactly(text: string): unknown {
  const marked = text.replaceAll(/"(?:[^"\\]|\\.)*"|\d{16,}(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : `"\\u0001${token}"`,
  );
  try {
    return JSON.parse(marked);
  } catch {
    throw new Error('is not JSON');
  }
}

function plainRule({ names, name, action, errnoRet, args }: Rule): SyscallRule {
  const conditions = (args ?? []).map(({ valueTwo, ...rest }) => ({ ...rest, ...given({ valueTwo }) }));
  return {
    names: [...(names ?? []), ...(name ? [name] : [])],
    action,
    ...given({ errnoRet, args: conditions.length === 0 ? undefined : conditions }),
  };
}

function applies({ includes, excludes }: Rule, reader: SeccompReader): boolean {
  return facts(includes, reader, 'every').every(Boolean) && !facts(excludes, reader, 'some').some(Boolean);
}

/** The conditions that are there, each with whether it holds; of capabilities all must be had, or any. */
function facts(when: When | null | undefined, reader: SeccompReader, how: 'every' | 'some'): readonly boolean[] {
  const { caps, arches, minKernel } = when ?? {};
  const has = (name: string): boolean => reader.capabilities.includes(name.replace(/^CAP_/, ''));
  const all: boolean[] = [];
  if (caps?.length) all.push(how === 'every' ? caps.every(has) : caps.some(has));
  if (arches?.length) all.push(arches.includes(goArchitecture(reader.architecture)));
  if (minKernel) all.push(isAtLeast(reader.kernel, minKernel));
  return all;
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function ownArchitecture(architecture: string): string {
  return architecture === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64';
}

function goArchitecture(architecture: string): string {
  return architecture === 'x64' ? 'amd64' : architecture;
}
