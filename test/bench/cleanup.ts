/** What must be undone however a benchmark ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Undo = () => Promise<void> | void;

const pending = new Set<Undo>();
let ending = false;

/** Runs `work` and then `undo`; a signal that ends the benchmark runs `undo`, too. Nothing begins after such a signal. */
export async function withCleanup<T>(undo: Undo, work: () => Promise<T>): Promise<T> {
  if (ending) throw new Error('the benchmark is being ended');
  pending.add(undo);
  try {
    return await work();
  } finally {
    if (pending.delete(undo)) await undo();
  }
}

/** A folder of this beginning among the temporary files, removed afterwards with all that is in it. */
export function withTemporaryFolder<T>(prefix: string, work: (dir: string) => Promise<T>): Promise<T> {
  let dir: string | undefined;
  return withCleanup(
    async () => {
      if (dir !== undefined) await rm(dir, { recursive: true, force: true });
    },
    async () => {
      dir = await mkdtemp(join(tmpdir(), prefix));
      return work(dir);
    },
  );
}

/** Undoes everything that is still to be undone, the latest first. Resolves with what could not be. */
export async function cleanUp(): Promise<readonly unknown[]> {
  ending = true;
  const errors: unknown[] = [];
  for (const undo of [...pending].reverse()) {
    pending.delete(undo);
    try {
      await undo();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
