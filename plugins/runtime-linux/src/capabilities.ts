import { RuntimeError, type SecuritySettings } from '@timonel/sdk/contracts/runtime';
import { effectiveCapabilities } from '@timonel/sdk/linux';

/** The capabilities of a container. @throws RuntimeError when it names one that there is not. */
export function containerCapabilities(security: SecuritySettings): readonly string[] {
  const { names, unknown } = effectiveCapabilities(security);
  if (unknown.length === 0) return names;
  throw new RuntimeError('CreateContainerConfigError', `unknown capability "${unknown[0]}": see capabilities(7)`);
}
