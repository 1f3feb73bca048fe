import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CliError, exitCodes } from '../errors.ts';
import { handedOver } from '../rootless/handed-over.ts';

/** `TIMONEL_DATA_DIR`, or /var/lib/timonel for root, or that of XDG_DATA_HOME (~/.local/share/timonel). */
export function defaultDataDir(): string {
  const fromEnv = process.env['TIMONEL_DATA_DIR'];
  if (fromEnv) return resolve(fromEnv);
  if (process.getuid?.() === 0) return '/var/lib/timonel';
  const forUsers = process.env['XDG_DATA_HOME'] ?? '';
  return isAbsolute(forUsers) ? join(forUsers, 'timonel') : join(homedir(), '.local', 'share', 'timonel');
}

/** A short name of the cluster on this machine, stable for one data directory. */
export function instanceId(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 6);
}

/** Where the files of a data directory lie. */
export interface DataDirPaths {
  readonly root: string;
  readonly kubeconfig: string;
  readonly desiredState: string;
  readonly pidFile: string;
  readonly log: string;
  readonly pluginCache: string;
  readonly nodeName: string;
  /** Has those of all plugins. */
  readonly pluginsData: string;
  pluginData(plugin: string): string;
}

export function dataDirPaths(root: string): DataDirPaths {
  return {
    root,
    kubeconfig: join(root, 'kubeconfig'),
    desiredState: join(root, 'plugins.json'),
    pidFile: join(root, 'timonel.pid'),
    log: join(root, 'timonel.log'),
    pluginCache: join(root, 'plugin-cache'),
    nodeName: join(root, 'node-name'),
    pluginsData: join(root, 'data'),
    pluginData: (plugin) => join(root, 'data', plugin),
  };
}

/** Makes the directory, or says in one sentence why it cannot be used. */
export function makeDataDir(root: string): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CliError(
      `The data directory ${root} cannot be made (${(cause as NodeJS.ErrnoException).code ?? 'error'}): choose another with --data-dir.`,
      exitCodes.failure,
      { cause },
    );
  }
}

/**
 * The node's name: the given one, else the one this data directory was first used with, else `otherwise`. Remembered, because
 * another host name must not make another node of the same containers.
 */
export function nodeNameOf(paths: DataDirPaths, given: string | undefined, otherwise: string): string {
  const remembered = existsSync(paths.nodeName) ? readFileSync(paths.nodeName, 'utf8').trim() : '';
  const name = given ?? (remembered === '' ? otherwise : remembered);
  if (name !== remembered) writeFileSync(paths.nodeName, `${name}\n`);
  return name;
}

function holder(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/**
 * Claims the data directory for this process. The claim is an abstract unix socket, which the kernel frees when the process
 * ends in whatever way; the pid file only tells people who has it.
 * @throws CliError busy, which names the pid.
 */
export async function lockDataDir(paths: DataDirPaths): Promise<() => Promise<void>> {
  const name = `\0timonel-${createHash('sha256').update(paths.root).digest('hex').slice(0, 32)}`;
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolvePromise, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(
          new CliError(
            `The data directory ${paths.root} is in use by a running timonel (pid ${holder(paths.pidFile)}): stop it first, or choose another with --data-dir.`,
            exitCodes.busy,
          ),
        );
      } else reject(error);
    });
    server.listen(name, resolvePromise);
  });
  server.unref();
  writeFileSync(paths.pidFile, `${handedOver()?.hostPid ?? process.pid}\n`);
  return async () => {
    rmSync(paths.pidFile, { force: true });
    await new Promise<void>((resolvePromise) => {
      server.close(() => resolvePromise());
    });
  };
}
