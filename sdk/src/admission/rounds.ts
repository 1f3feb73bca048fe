/** Many who mutate, one after the other, and once more those who want to know what others changed after them. */
import type { MutationOutcome } from '../contracts/admission/index.ts';
import type { AdmissionObject } from '../contracts/api-server/index.ts';
import type { Status } from '../kube/index.ts';

export type TurnOutcome =
  /** It had nothing to do with the request. */
  | { readonly kind: 'passed' }
  | { readonly kind: 'refused'; readonly refusal: Status }
  /** The very same object where it changed nothing. */
  | { readonly kind: 'allowed'; readonly object: AdmissionObject };

export interface MutationTurn {
  /** `reinvocationPolicy: IfNeeded`. */
  readonly again: boolean;
  take(object: AdmissionObject): Promise<TurnOutcome>;
}

type Turns = Iterable<MutationTurn> | AsyncIterable<MutationTurn>;

/** Nobody has more than two turns, so that those who undo what the others do come to an end. */
export async function mutateInRounds(turns: Turns, object: AdmissionObject): Promise<MutationOutcome> {
  const eligible = new Set<MutationTurn>();
  const behind = new Set<MutationTurn>();
  const round = async (taking: Turns, start: AdmissionObject): Promise<MutationOutcome> => {
    let current = start;
    for await (const turn of taking) {
      const outcome = await turn.take(current);
      if (outcome.kind === 'refused') return { ok: false, refusal: outcome.refusal };
      if (outcome.kind === 'passed') continue;
      if (outcome.object !== current) for (const earlier of eligible) behind.add(earlier);
      current = outcome.object;
      if (turn.again) eligible.add(turn);
    }
    return { ok: true, object: current };
  };
  const outcome = await round(turns, object);
  if (!outcome.ok) return outcome;
  // What others changed after the last of them is news to all.
  const again = (changed: AdmissionObject): Promise<MutationOutcome> =>
    round(changed === outcome.object ? [...behind] : [...eligible], changed);
  return { ...outcome, again };
}
