import { errorMessage } from '@timonel/sdk';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';

const causes: readonly (readonly [RegExp, number])[] = [
  [/executable file not found|no such file or directory|not a directory/i, 127],
  [/permission denied|exec format error|is a directory/i, 126],
];
const other = 128;

/** As a shell would number it: 127 not found, 126 not executable, 128 all else. */
export function startFailure(error: unknown): RuntimeError {
  const message = errorMessage(error)
    .replace(/^failed to create containerd task: (failed to create shim task: )?/, '')
    .replace(/: unknown$/, '');
  const exitCode = causes.find(([pattern]) => pattern.test(message))?.[1] ?? other;
  return new RuntimeError('StartError', message, { exitCode, cause: error });
}
