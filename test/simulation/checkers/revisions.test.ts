import { describe, expect, it } from '@jest/globals';
import { History } from '../workload/history.ts';
import type { KeyValue, Operation } from '../workload/operation.ts';
import { checkRevisions } from './revisions.ts';
import { Truth } from './truth.ts';

const put = (value: string): Operation => ({ type: 'put', keys: ['k'], value });
const read = (linearizable = true): Operation => ({ type: 'read', from: 'a', to: 'z', linearizable });
const kv = (value: string, modRevision: number): KeyValue => ({
  key: 'k',
  value,
  createRevision: 2,
  modRevision,
  version: modRevision - 1,
  lease: 0,
});

function bed() {
  const found: string[] = [];
  const report = (text: string): number => found.push(text);
  const history = new History();
  const truth = new Truth(report);
  const commit = (value: string, origin: string): void => {
    const revision = truth.revision + 1;
    truth.add({ revision, events: [{ type: 'put', kv: kv(value, revision) }] }, origin, history.tick());
  };
  const check = (): string[] => {
    checkRevisions(history.entries, truth, report);
    return found;
  };
  return { history, truth, commit, check, found };
}

describe('revisions', () => {
  it('accepts a history in which real time and revisions agree', () => {
    const { history, commit, check } = bed();
    const write = history.call('a', 1, put('1'));
    commit('1', 'a/1');
    history.return(write, { revision: 2, changed: true, kvs: [] }, 'm', 1);
    const after = history.call('b', 1, read());
    history.return(after, { revision: 2, changed: false, kvs: [kv('1', 2)] }, 'm', 1);
    const stale = history.call('b', 2, read(false));
    history.return(stale, { revision: 1, changed: false, kvs: [] }, 'm', 1);
    expect(check()).toEqual([]);
  });

  it('finds a stale linearizable read', () => {
    const { history, commit, check } = bed();
    const write = history.call('a', 1, put('1'));
    commit('1', 'a/1');
    history.return(write, { revision: 2, changed: true, kvs: [] }, 'm', 1);
    const stale = history.call('b', 1, read());
    history.return(stale, { revision: 1, changed: false, kvs: [] }, 'm', 1);
    expect(check()[0]).toContain('stale read');
  });

  it('finds a lost write, a write made twice and an answer that is not the state', () => {
    const { history, commit, check } = bed();
    const lost = history.call('a', 1, put('1'));
    history.return(lost, { revision: 2, changed: true, kvs: [] }, 'm', 1);
    commit('2', 'b/1');
    commit('2', 'b/1');
    const wrong = history.call('c', 1, read());
    history.return(wrong, { revision: 3, changed: false, kvs: [kv('1', 2)] }, 'm', 1);
    const found = check();
    expect(found).toHaveLength(3);
    expect(found[0]).toContain('exactly once');
    expect(found[1]).toContain('acknowledged write a/1 made revision none');
    expect(found[2]).toContain('not the state of revision 3');
  });

  it('finds a read of what is not committed yet', () => {
    const { history, commit, check } = bed();
    const early = history.call('c', 1, read(false));
    history.return(early, { revision: 2, changed: false, kvs: [kv('1', 2)] }, 'm', 1);
    commit('1', 'a/1');
    expect(check()[0]).toContain('before it was committed');
  });
});
