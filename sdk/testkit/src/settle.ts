/**
 * Lets everything that is due happen: promise reactions and immediates, over `turns` turns of the event loop (default 5).
 * For real time; a simulated env has a `settle` of its own that also runs its timers.
 */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
