let turn: Promise<void> | undefined;

/** Requests that came in the same turn of the event loop go on together, and share what they ask of the store. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
