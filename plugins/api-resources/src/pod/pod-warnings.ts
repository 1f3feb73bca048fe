import type { Pod } from '@timonel/sdk/kube';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';

/** What is accepted and probably not meant. */
export function podWarnings(pod: Pod): string[] {
  const warnings: string[] = [];
  for (const [index, item] of itemsOf(objectOf(pod.spec).containers).entries()) {
    const seen = new Map<string, number>();
    for (const [position, entry] of itemsOf(objectOf(item).env).entries()) {
      const name = textOf(objectOf(entry).name);
      const first = seen.get(name);
      if (first === undefined) seen.set(name, position);
      else
        warnings.push(
          `spec.containers[${index}].env[${position}]: hides previous definition of "${name}", which may be dropped when using apply`,
        );
    }
  }
  return warnings;
}
