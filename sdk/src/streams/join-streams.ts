import type { Duplex } from 'node:stream';

/**
 * Copies both ways between two connections until both are over: the end of one direction is passed on, and the other goes on.
 * When one breaks, so does the other. Never rejects.
 */
export async function joinStreams(one: Duplex, other: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    const open = new Set([one, other]);
    const breakOff = (): void => {
      one.destroy();
      other.destroy();
    };
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      from.once('error', breakOff);
      from.once('close', () => {
        if (!from.readableEnded || !from.writableFinished) breakOff();
        open.delete(from);
        if (open.size === 0) resolve();
      });
      if (from.destroyed) {
        open.delete(from);
        breakOff();
      } else from.pipe(to);
    }
    if (open.size === 0) resolve();
  });
}
