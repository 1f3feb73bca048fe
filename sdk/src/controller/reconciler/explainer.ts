import type { Cause, ExplainedObject, Explainer, Why } from '../../contracts/why/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import type { Observation } from './define-controller.ts';
import type { ActionHistory } from './history.ts';
import type { Subjects } from './subjects.ts';

interface Sources<Seen> {
  readonly observe: (key: string) => Seen | undefined | Promise<Seen | undefined>;
  readonly history: ActionHistory;
  /** The plugin's name. */
  readonly component: string;
  /** Another control plane works when it is false. */
  readonly leads: () => boolean;
  readonly explain?: (observed: Seen) => readonly Cause[];
}

function stateOf(causes: readonly Cause[], failed: boolean): string {
  if (failed) return 'Failing';
  return causes.length > 0 ? 'Progressing' : 'AsDeclared';
}

/** Explains the objects of a controller: what keeps them from being as declared, and what was done for them last. */
export function explainerOf<T extends KubeObject, Seen extends Observation<T>>(
  subjects: Subjects<T>,
  sources: Sources<Seen>,
): Explainer {
  const { component, history } = sources;
  return {
    kinds: () => subjects.types.map(({ group, resource }) => ({ group, resource })),
    async explain(object: ExplainedObject): Promise<Why | undefined> {
      const key = subjects.keyOf(object);
      const observed = await sources.observe(key);
      if (observed?.subject === undefined) return undefined;
      const failure = history.failureOf(key);
      const refused: Cause[] = failure === undefined ? [] : [{ component, code: 'refused', text: failure }];
      const causes = [...refused, ...(sources.explain?.(observed) ?? [])];
      if (!sources.leads() && history.of(key).length === 0) {
        causes.push({
          component,
          code: 'stands-by',
          text: 'another control plane works: what it did last is known there',
        });
      }
      const { uid } = observed.subject.metadata;
      return {
        object: { ...object, ...(uid === undefined ? {} : { uid }) },
        state: stateOf(causes, failure !== undefined),
        summary: causes[0]?.text ?? 'as declared',
        causes,
        decisions: history.of(key),
      };
    },
  };
}
