import { qualifiedNameProblems } from '@timonel/sdk/kube';
import { Part } from '../validation/part.ts';

/** A map from names of resources to quantities. */
export function checkResourceList({ raw, path, found }: Part): void {
  const list = new Part(raw, path, found, true);
  for (const [name] of list.entries()) {
    found.problems(list.pathOf(name), name, qualifiedNameProblems(name));
    list.quantity(name);
  }
}
