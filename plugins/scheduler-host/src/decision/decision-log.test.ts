import { describe, expect, it } from '@jest/globals';
import { DecisionLog, type LoggedDecision } from './decision-log.ts';
import { aPodInfo } from '../testing/stand-ins.ts';

function add(log: DecisionLog, name: string, scheduler: string, uid: string = `uid-${name}`): void {
  const decision = { outcome: 'error' as const, podUid: uid, plugin: 'x', message: scheduler };
  log.add(aPodInfo(name, {}, { uid }), decision, { at: '2026-01-01T00:00:00Z', scheduler, nodeCount: 3 });
}
const who = (decisions: readonly LoggedDecision[]): string[] => decisions.map(({ scheduler }) => scheduler);

describe('the log of decisions', () => {
  it('keeps the last ones of each pod', () => {
    const log = new DecisionLog({ all: 100, ofPod: 3 });
    for (const scheduler of ['1', '2', '3', '4']) add(log, 'p', scheduler);
    expect(who(log.ofPod('uid-p'))).toEqual(['2', '3', '4']);
    expect(log.ofName('default', 'p')[0]).toMatchObject({ podUid: 'uid-p', at: '2026-01-01T00:00:00Z', nodeCount: 3 });
    expect(log.ofPod('uid-q')).toEqual([]);
  });

  it('keeps the last ones of all pods, and nothing of pods that have none left', () => {
    const log = new DecisionLog({ all: 4, ofPod: 3 });
    for (const scheduler of ['1', '2', '3', '4']) add(log, 'p', scheduler);
    add(log, 'q', '5');
    add(log, 'q', '6');
    expect(who(log.ofPod('uid-p'))).toEqual(['3', '4']);
    for (const scheduler of ['7', '8', '9']) add(log, 'r', scheduler);
    expect(who(log.ofPod('uid-p'))).toEqual([]);
    expect(log.ofName('default', 'p')).toEqual([]);
    expect(who(log.ofPod('uid-q'))).toEqual(['6']);
  });

  it('answers for the pod that had a name last', () => {
    const log = new DecisionLog({ all: 4, ofPod: 3 });
    add(log, 'p', '1', 'first');
    add(log, 'p', '2', 'second');
    expect(who(log.ofName('default', 'p'))).toEqual(['2']);
    for (const scheduler of ['3', '4', '5']) add(log, 'x', scheduler);
    expect(who(log.ofName('default', 'p'))).toEqual(['2']);
  });
});
