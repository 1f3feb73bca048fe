let turn: Promise<void> | undefined;

/** Whatever waits in the same turn of the event loop goes on together: requests share what they ask of the store. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
