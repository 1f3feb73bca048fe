import { realpathSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { errorCode } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';

/**
 * Claims a data directory: LMDB lets several processes write the same file in turn, and two members on one log would each
 * count terms and indexes of their own. The claim is an abstract unix socket named after the directory's inode, which the
 * kernel frees when the process ends in whatever way. Call the result to give it up.
 * @throws StoreError UNAVAILABLE when another store has it open
 */
export async function lockDataDirectory(dataDir: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(dataDir, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  try {
    await listen(server, `\0timonel-store-raft-${dev}-${ino}`);
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    throw new StoreError(
      'UNAVAILABLE',
      `the data directory ${realpathSync(dataDir)} is open in another store: stop the process that uses it, or choose another directory`,
    );
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}
