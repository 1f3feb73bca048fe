/** Lines 6 to 8 in a history: a watch brings every change once and in order, and its bookmarks tell the truth. */
import {
  textOf,
  Timeline,
  type Change,
  type History,
  type ObjectState,
  type Problem,
  type WatchHistory,
} from './history.ts';

interface Expected {
  readonly revision: number;
  readonly text: string;
}

function lineOf(type: string, object: ObjectState): string {
  return `${type} ${textOf(object)}`;
}

/** What a watch of one side shows of a change; undefined: nothing. */
function shownOf(change: Change, before: ObjectState | undefined, side: string | undefined): Expected | undefined {
  const { revision, type, object } = change;
  const matches = (state: ObjectState | undefined): boolean =>
    state !== undefined && (side === undefined || state.side === side);
  const isIn = type === 'put' && matches(object);
  if (isIn) return { revision, text: lineOf(matches(before) ? 'MODIFIED' : 'ADDED', object) };
  if (before === undefined || !matches(before)) return undefined;
  return { revision, text: lineOf('DELETED', { ...before, version: revision }) };
}

export function watchProblems(watch: WatchHistory, history: History): Problem[] {
  const timeline = new Timeline(history.changes);
  const expected = history.changes
    .map((change) => shownOf(change, timeline.at(change.object.name, change.revision - 1), watch.side))
    .filter((shown) => shown !== undefined);
  const problems: Problem[] = [];
  let reached = history.begin;
  for (const connection of watch.connections) {
    const add = (line: number, text: string): void =>
      void problems.push({
        line,
        text: `${watch.client} at server ${connection.server} from ${connection.from}: ${text}`,
      });
    if (connection.from !== reached) add(6, `the record is broken: it had come to ${reached}`);
    let { events } = connection;
    if (watch.withState) {
      const end = events.findIndex(({ endsInitial }) => endsInitial);
      const mark = events[end]?.object.version;
      // It had no time to begin.
      if (mark === undefined) continue;
      if (mark < connection.from) add(7, `the state is of ${mark}`);
      const state = timeline.all(mark).filter(({ side }) => watch.side === undefined || side === watch.side);
      const wanted = state.map((object) => lineOf('ADDED', object)).join('; ');
      const seen = events
        .slice(0, end)
        .map(({ type, object }) => lineOf(type, object))
        .join('; ');
      if (seen !== wanted) add(7, `began at ${mark} with ${seen}, but it was ${wanted}`);
      reached = mark;
      events = events.slice(end + 1);
    }
    reached = follow(events, expected, { reached, add });
  }
  const last = expected.at(-1);
  if (last !== undefined && reached < last.revision)
    problems.push({ line: 6, text: `${watch.client} came to ${reached} only, not to ${last.revision}` });
  return problems;
}

/** Compares until the first difference, after which everything differs. Answers how far the watch came. */
function follow(
  events: WatchHistory['connections'][number]['events'],
  expected: readonly Expected[],
  from: { readonly reached: number; readonly add: (line: number, text: string) => void },
): number {
  let { reached } = from;
  let broken = false;
  for (const { type, object } of events) {
    const next = expected.find(({ revision }) => revision > reached);
    if (type === 'BOOKMARK') {
      if (next !== undefined && next.revision <= object.version)
        from.add(7, `a bookmark at ${object.version} before ${next.text}`);
      if (object.version < reached) from.add(7, `a bookmark at ${object.version} after ${reached}`);
    } else if (!broken && next?.text !== lineOf(type, object)) {
      from.add(6, `came ${lineOf(type, object)}, expected ${next?.text ?? 'nothing'}`);
      broken = true;
    }
    reached = Math.max(reached, object.version);
  }
  return reached;
}
