/** What must be undone however a benchmark ends. */

type Undo = () => Promise<void> | void;

const pending = new Set<Undo>();

/** Runs `work` and then `undo`; a signal that ends the benchmark runs `undo`, too. */
export async function withCleanup<T>(undo: Undo, work: () => Promise<T>): Promise<T> {
  pending.add(undo);
  try {
    return await work();
  } finally {
    if (pending.delete(undo)) await undo();
  }
}

/** Undoes everything that is still to be undone, the latest first. Resolves with what could not be. */
export async function cleanUp(): Promise<readonly unknown[]> {
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
