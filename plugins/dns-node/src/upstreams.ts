import { readFileSync, statSync } from 'node:fs';
import type { Env } from '@timonel/sdk';
import type { Server } from './forward/exchange.ts';
import { nameserversOf } from './forward/resolv-conf.ts';

const file = '/etc/resolv.conf';
const lookAgainMs = 5000;
const dnsPort = 53;

/** The node's own resolvers, read again when their file changes, without `self`: asking oneself would never end. */
export function nodeServers(env: Env, self: () => string | undefined): () => readonly Server[] {
  let [lookedMs, changedMs, addresses] = [-Infinity, -1, [] as string[]];
  return () => {
    const now = env.clock.monotonic();
    if (now - lookedMs >= lookAgainMs) {
      lookedMs = now;
      try {
        const { mtimeMs } = statSync(file);
        if (mtimeMs !== changedMs) addresses = nameserversOf(readFileSync(file, 'utf8'));
        changedMs = mtimeMs;
      } catch {
        // Without the file those of before stay; a node without it has none.
      }
    }
    return addresses.filter((address) => address !== self()).map((address) => ({ address, port: dnsPort }));
  };
}
