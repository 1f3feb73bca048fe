import { RuntimeError } from '@timonel/sdk/contracts/runtime';

/** One `key=value` of the file `spec` that timonel-monitor reads. */
export type SpecEntry = readonly [key: string, value: string];

/** Records are ended by NUL, which no argument, path or variable of Linux can hold. */
export function encodeSpec(entries: readonly SpecEntry[]): Buffer {
  for (const [key, value] of entries) {
    if (value.includes('\0')) {
      throw new RuntimeError('CreateContainerConfigError', `${key} contains a NUL character: ${JSON.stringify(value)}`);
    }
  }
  return Buffer.from(entries.map(([key, value]) => `${key}=${value}\0`).join(''));
}
