import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest path of a directory in which sockets may be. haproxy binds them under a longer name first. */
const longestPath = 60;

/** A directory for sockets. */
export interface SocketDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** In the data directory where its path is short enough. For its owner alone. */
export async function socketDir(dataDir: string, isRoot: boolean): Promise<SocketDir> {
  const inside = join(dataDir, 'sockets');
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const path =
    inside.length <= longestPath
      ? inside
      : isRoot
        ? `/run/timonel-ingress-${hash}`
        : await mkdtemp(join(tmpdir(), 'timonel-in-'));
  // What a process before this one left behind nobody uses any more.
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { mode: 0o700 });
  await chmod(path, 0o700);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
