import type { Limits } from './config.ts';
import { corrupt } from './unpack/corrupt.ts';

/** Each layer has a bound of its own; a hundred of them would fill a disk all the same. @throws CorruptImage */
export function checkUnpacked(
  layers: readonly { readonly sizeBytes: number }[],
  { maxImageBytes }: Pick<Limits, 'maxImageBytes'>,
): void {
  const bytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (bytes <= maxImageBytes) return;
  throw corrupt(
    `the layers hold ${bytes} bytes unpacked, where ${maxImageBytes} may be (limits.maxImageBytes): refused`,
  );
}
