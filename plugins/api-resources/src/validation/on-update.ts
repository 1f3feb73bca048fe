import type { FieldError, KubeObject } from '@timonel/sdk/kube';

/** The check of an update: the new object must be valid by itself, and the step from the old one must be allowed. */
export function onUpdate<T extends KubeObject>(
  validate: (object: T) => FieldError[],
  allowed: (object: T, old: T) => FieldError[],
): (object: T, old: T) => FieldError[] {
  return (object, old) => [...validate(object), ...allowed(object, old)];
}
