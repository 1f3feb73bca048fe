/** The kinds whose objects can be counted. */
import { namespacedTypes, type Quantities, type ResourceType } from '../kube/index.ts';
import { evaluatorOf } from './evaluators.ts';
import { namesOf } from './quota.ts';

/** Those that a quota with these bounds counts. */
export function typesCountedBy(hard: Quantities | undefined): readonly ResourceType[] {
  return namespacedTypes.filter((type) => namesOf(hard, evaluatorOf(type)).length > 0);
}
