/** Times and durations as kubectl prints them. */
import { ageOf, type ObjectMeta } from '@timonel/sdk/kube';
import type { TableContext } from '@timonel/sdk/contracts/api-server';

export { humanDuration, parseTimestamp } from '@timonel/sdk/kube';

/** How long ago a timestamp was; `<unknown>` when there is none. */
export function since(text: unknown, context: TableContext): string {
  return ageOf(text, context.now);
}

/** The Age cell. */
export function age(object: { readonly metadata: ObjectMeta }, context: TableContext): string {
  return since(object.metadata.creationTimestamp, context);
}
