/** Every code the kernel uses. A code is never reused for another meaning. See `docs/reference/errors.md`. */
export const kernelErrorCodes = {
  ERR_PLUGIN_UNKNOWN: 'no plugin has this name',
  ERR_PLUGIN_INVALID: 'the module does not export a plugin definition',
  ERR_PLUGIN_API_VERSION: 'the plugin was made for another version of the plugin API',
  ERR_PLUGIN_DUPLICATE: 'two plugins have the same name',
  ERR_PLUGIN_IMPORT: 'the plugin file could not be read, compiled or imported',
  ERR_PLUGIN_SETUP: 'setup threw',
  ERR_PLUGIN_START: 'start threw',
  ERR_PLUGIN_PROBE: 'probe threw',
  ERR_PLUGIN_STOP: 'stop threw',
  ERR_PLUGIN_TIMEOUT: 'a lifecycle call, or one with a limit (ctx.within), ran past its deadline',
  ERR_PLUGIN_CONTRACT: 'setup did not return what the definition declares',
  ERR_PLUGIN_STATE: 'the operation does not fit the state of the plugin',
  ERR_PLUGIN_IN_USE: 'other plugins depend on it',
  ERR_PLUGIN_QUARANTINED: 'the plugin used up its error budget',
  ERR_SERVICE_MISSING: 'no enabled plugin provides the service',
  ERR_SERVICE_CONFLICT: 'two plugins provide a service that may have one provider',
  ERR_SERVICE_VERSION: 'the provider has another major version of the service',
  ERR_SERVICE_UNAVAILABLE: 'the service has no provider at the moment',
  ERR_SERVICE_SWAP: 'the service could not be swapped',
  ERR_GRAPH_CYCLE: 'plugins require each other in a cycle',
  ERR_GRAPH: 'the set of plugins cannot start',
  ERR_CONFIG_INVALID: 'the configuration does not fit the schema',
  ERR_TAP_FAILED: 'a hook tap threw',
  ERR_TAP_TIMEOUT: 'a hook tap ran past its deadline',
  ERR_TAP_RESULT: 'a hook tap returned a value of the wrong shape',
  ERR_INVARIANT: 'an invariant is broken: this is a bug',
} as const;

export type KernelErrorCode = keyof typeof kernelErrorCodes;

/** Details of a {@link KernelError}. */
export interface KernelErrorOptions {
  /** The plugin to blame, where one is. */
  readonly plugin?: string;
  /** True when the same call may succeed later without any change. Default false. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** An error with a stable code. Recognise it by `code`, never by `instanceof`: plugins may carry another copy of the sdk. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: KernelErrorCode;
  readonly plugin: string | undefined;
  readonly retryable: boolean;

  constructor(code: KernelErrorCode, message: string, options: KernelErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.plugin = options.plugin;
    this.retryable = options.retryable ?? false;
  }
}

/** The stable code of an error of any origin, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A readable message of whatever was thrown, without the stack. */
export function errorMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return error.message;
  }
  return String(error);
}

/** Stops on a broken invariant, in production too. @throws KernelError ERR_INVARIANT */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new KernelError('ERR_INVARIANT', message);
}
