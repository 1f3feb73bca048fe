/** The program of Debian's package `skopeo`. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why tests with skopeo cannot run here; undefined when they can. */
export const skopeoMissing: string | undefined =
  spawnSync('skopeo', ['--version']).status === 0
    ? undefined
    : 'the command skopeo is missing: apt-get install -y --no-install-recommends skopeo';

/** Runs it with a policy and credentials of its own, not those of the machine. @throws Error with what it printed */
export async function skopeo(...args: readonly string[]): Promise<string> {
  if (skopeoMissing !== undefined) throw new Error(skopeoMissing);
  const directory = await mkdtemp(join(tmpdir(), 'timonel-skopeo-'));
  try {
    const policy = join(directory, 'policy.json');
    await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const env = { PATH: process.env['PATH'], HOME: directory, XDG_RUNTIME_DIR: directory, TMPDIR: directory };
    return await new Promise((resolve, reject) => {
      const options = { env, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 };
      execFile('skopeo', ['--policy', policy, ...args], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`skopeo ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      });
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface SkopeoCopyOptions {
  /** `user:password` at the registry that is written to, or read. */
  readonly toCredentials?: string;
  readonly fromCredentials?: string;
  /** All images of an index; default: of this machine's platform. */
  readonly all?: boolean;
  readonly format?: 'oci' | 'v2s2';
}

/** Copies between `oci:DIR:TAG`, `dir:DIR`, `docker://HOST/NAME:TAG`. Registries are on loopback: certificates are not checked. */
export async function skopeoCopy(from: string, to: string, options: SkopeoCopyOptions = {}): Promise<void> {
  const { toCredentials, fromCredentials, all = false, format } = options;
  await skopeo(
    'copy',
    '--quiet',
    ...(from.startsWith('docker:') ? ['--src-tls-verify=false'] : []),
    ...(to.startsWith('docker:') ? ['--dest-tls-verify=false'] : []),
    ...(toCredentials === undefined ? [] : ['--dest-creds', toCredentials]),
    ...(fromCredentials === undefined ? [] : ['--src-creds', fromCredentials]),
    ...(all ? ['--all'] : []),
    ...(format === undefined ? [] : ['--format', format]),
    from,
    to,
  );
}
