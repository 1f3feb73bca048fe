/** The pod cannot be turned into a container as it is; the message goes into the pod's status. Recognise it by `name`. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
  readonly reason: string = 'CreateContainerConfigError';
}

export function isConfigError(error: unknown): error is ConfigError {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'ConfigError';
}
