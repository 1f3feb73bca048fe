/** What a peer sent breaks the protocol. Never leaves the transport: `attempt` makes it a value. */
export class MalformedError extends Error {
  override readonly name: string = 'MalformedError';
  readonly code = 'ERR_MALFORMED';
}

/** @throws MalformedError */
export function malformed(reason: string): never {
  throw new MalformedError(reason);
}

export type Attempt<T> = { readonly value: T } | { readonly problem: string };

/** Runs a decoder. Whatever it throws, also what a library throws at senseless bytes, becomes a sentence. */
export function attempt<T>(decode: () => T): Attempt<T> {
  try {
    return { value: decode() };
  } catch (error) {
    const known = typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_MALFORMED';
    const text = String((error as { message?: unknown } | null)?.message).slice(0, 200);
    return { problem: known ? text : `it cannot be decoded (${text})` };
  }
}
