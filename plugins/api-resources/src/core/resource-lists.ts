import { qualifiedNameProblems } from '@timonel/sdk/kube';
import type { Part } from '../validation/part.ts';

/** A map from names of resources to quantities. */
export function checkResourceList(list: Part): void {
  for (const [name] of list.entries()) {
    list.found.problems(`${list.path}[${name}]`, name, qualifiedNameProblems(name));
    list.quantity(name);
  }
}
