import { controllerRevisions, type ControllerRevision } from '../../kube/index.ts';
import { act, type Action } from '../reconciler/actions.ts';

/** The oldest first; equal numbers by age, then by name. */
export function byRevision(revisions: readonly ControllerRevision[]): ControllerRevision[] {
  return [...revisions].sort((a, b) => {
    if (a.revision !== b.revision) return a.revision - b.revision;
    const rank = ({ metadata }: ControllerRevision): string =>
      `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
    return rank(a) < rank(b) ? -1 : 1;
  });
}

/**
 * Deletions of the oldest revisions that nothing needs, so that no more than `limit` stay. `isLive`: of the newest template, or with
 * pods.
 */
export function trimHistory(
  revisions: readonly ControllerRevision[],
  limit: number,
  isLive: (revision: ControllerRevision) => boolean,
): Action[] {
  const past = byRevision(revisions.filter((revision) => !isLive(revision)));
  const surplus = past.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return surplus.slice(0, Math.max(0, past.length - limit)).map((revision) =>
    act.delete(controllerRevisions, revision, {
      cause: { code: 'HistoryLimit', text: `${past.length} old revisions, ${limit} are kept` },
    }),
  );
}
