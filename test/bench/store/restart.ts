import { filledKey } from './protocol.ts';
import { eventually, patienceMs, type StoreGroup } from './store-group.ts';

/** Ends a group of one by kill -9 and starts it again. Resolves with the time in ms until it has answered a linearizable get. */
export async function restartTime(group: StoreGroup, prefix: string): Promise<number> {
  await group.kill(0);
  const began = performance.now();
  await group.restart(0);
  await eventually(
    'the first answer',
    async () => {
      const connection = await group.connect(0);
      try {
        return (await connection.get(filledKey(prefix, 0)).catch(() => 0)) > 0 || undefined;
      } finally {
        connection.close();
      }
    },
    patienceMs,
  );
  return performance.now() - began;
}
