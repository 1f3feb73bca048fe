import { ImageError } from '@timonel/sdk/contracts/images';
import { isFailure } from './failure.ts';

/** A failure as callers see it: `cannot DO: WHAT HAPPENED: WHAT TO DO`. What is no failure of a registry stays what it is. */
export function imageError(
  error: unknown,
  doing: string,
  reason: 'ErrImagePull' | 'ErrImagePush',
  beside = '',
): unknown {
  if (!isFailure(error)) return error;
  const unavailable = error.kind === 'unreachable' || error.kind === 'busy';
  const advice = error.advice === '' ? '' : `: ${error.advice}`;
  const text = `cannot ${doing}: ${error.message}${advice}${beside}`;
  return new ImageError(unavailable ? 'RegistryUnavailable' : reason, text, { cause: error });
}
