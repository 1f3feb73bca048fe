import { ImageError } from '@timonel/sdk/contracts/images';

/** For which machines an image is made, as OCI names them. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Empty: none, or the architecture's usual one. */
  readonly variant: string;
}

const pattern = /^[a-z0-9_.-]+$/;

/** Reads `os/architecture[/variant]`. @throws ImageError ErrImagePull */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const [os = '', architecture = '', variant = ''] = parts;
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => pattern.test(part))) {
    throw new ImageError(
      'ErrImagePull',
      `${JSON.stringify(text.slice(0, 100))} is not a platform: write os/architecture or os/architecture/variant, for example linux/arm64`,
    );
  }
  return { os, architecture, variant };
}

/** This machine's architecture as OCI (and Go) name it. */
export function machineArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle', ppc64: 'ppc64le' };
  return names[process.arch] ?? process.arch;
}

export function nodePlatform(): Platform {
  const architecture = machineArchitecture();
  const { arm_version: armVersion } = process.config.variables as { readonly arm_version?: string };
  const variant = architecture === 'arm' ? `v${armVersion ?? '7'}` : '';
  return { os: 'linux', architecture, variant };
}

/** Of what {@link platformText} wrote, whatever an image said of itself. */
export function readPlatform(text: string): Platform {
  const [os = '', architecture = '', variant = ''] = text.split('/');
  return { os, architecture, variant };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === '' ? '' : `/${variant}`}`;
}

/** Variants in which an image runs on a machine of this one, the best first. */
function variantsFor({ architecture, variant }: Platform): readonly string[] {
  const usual = usualVariant(architecture);
  const wanted = variant === '' ? usual : variant;
  const level = /^v(\d+)$/.exec(wanted)?.[1];
  if (level === undefined || usual === '') return [wanted];
  const lowest = architecture === 'arm' ? 5 : Number(usual.slice(1));
  const levels: string[] = [];
  for (let at = Math.min(Number(level), 20); at >= lowest; at--) levels.push(`v${at}`);
  return levels.length === 0 ? [wanted] : levels;
}

function usualVariant(architecture: string): string {
  return ({ arm: 'v7', arm64: 'v8', amd64: 'v1' } as Readonly<Record<string, string>>)[architecture] ?? '';
}

/** The candidate that fits a machine best; the earlier of two that fit alike. */
export function pickPlatform<T>(
  candidates: readonly T[],
  platformOf: (candidate: T) => Platform | undefined,
  wanted: Platform,
): T | undefined {
  const variants = variantsFor(wanted);
  let best: { readonly rank: number; readonly candidate: T } | undefined;
  for (const candidate of candidates) {
    const offered = platformOf(candidate);
    if (offered === undefined || offered.os !== wanted.os || offered.architecture !== wanted.architecture) continue;
    const rank = variants.indexOf(offered.variant === '' ? usualVariant(offered.architecture) : offered.variant);
    if (rank >= 0 && (best === undefined || rank < best.rank)) best = { rank, candidate };
  }
  return best?.candidate;
}
