import { createHash } from 'node:crypto';

/** Of the link that carries the service addresses: after the data directory, so that clusters on one machine stay apart. */
export function linkNameOf(dataDir: string): string {
  return `ts${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
}
