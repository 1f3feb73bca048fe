import { describe, expect, it } from '@jest/globals';
import type { Decision } from '@timonel/sdk/contracts/scheduler';
import { ClusterState } from '../state/cluster-state.ts';
import { answerFault, checkDecision, type Departures } from './decision-check.ts';
import { aNode, aPodInfo, noObjects } from '../testing/stand-ins.ts';

const pod = aPodInfo('p', { priority: 5 });
const podUid = pod.uid;
const state = new ClusterState(noObjects);
state.setNode(aNode('a'));
state.setNode(aNode('b'));
state.place(aPodInfo('low', { priority: 1 }), 'a');
state.place(aPodInfo('equal', { priority: 5 }), 'a');
state.place(aPodInfo('elsewhere', { priority: 1 }), 'b');
const gone: Departures = { nodes: new Set(['late']), pods: new Set(['uid-late']) };

const victims = (...names: string[]) =>
  names.map((name) => ({ namespace: 'default', name, uid: `uid-${name}`, priority: -9 }));
const preempt = (...names: string[]): Decision => ({
  outcome: 'preempt',
  podUid,
  nodeName: 'a',
  victims: victims(...names),
  rejections: [],
});
const bind = (nodeName: string, total = 1): Decision => ({
  outcome: 'bind',
  podUid,
  nodeName,
  scores: [{ nodeName, total, scores: {} }],
  feasibleNodes: 1,
});
const verdictOf = (decision: unknown, about = pod) => checkDecision(decision as Decision, about, state, gone);

describe('the check of an answer', () => {
  it('wants a list of one decision for each pod, in their order', () => {
    expect(answerFault([pod], [bind('a')])).toBeUndefined();
    expect(answerFault([pod], undefined)).toBe('answered something that is no list of decisions');
    expect(answerFault([pod], [])).toBe('made 0 decisions for 1 pods');
    expect(answerFault([pod], [null])).toBe('decided about another pod than default/p');
    expect(answerFault([pod], [{ ...bind('a'), podUid: 'x' }])).toBe('decided about another pod than default/p');
  });
});

describe('the check of a decision', () => {
  it.each([
    ['a bind', bind('a')],
    ['a refusal', { outcome: 'unschedulable', podUid, rejections: [] }],
    ['a preemption', preempt('low')],
    ['a preemption whose victim has gone meanwhile', preempt('late', 'low')],
    ['a fault of a plugin', { outcome: 'error', podUid, plugin: 'Fit', message: 'boom' }],
  ])('lets pass %s', (_, decision) => {
    expect(verdictOf(decision)).toEqual({ verdict: 'fine', decision });
  });

  it('takes a node that went meanwhile for no fault', () => {
    expect(verdictOf(bind('late'))).toEqual({ verdict: 'outdated', reason: 'node late is gone' });
    expect(verdictOf({ ...preempt('low'), nodeName: 'late' })).toMatchObject({ verdict: 'outdated' });
  });

  it.each([
    ['chose the node "nowhere", which does not exist', bind('nowhere')],
    ['chose the node "undefined", which does not exist', { ...bind('a'), nodeName: undefined }],
    ['gave a score that is no number', bind('a', Number.NaN)],
    ['gave scores that are no list', { ...bind('a'), scores: undefined }],
    ['gave reasons that are no list', { outcome: 'unschedulable', podUid }],
    ['gave a reason that is none', { outcome: 'unschedulable', podUid, rejections: [{ plugin: 'Fit' }] }],
    ['decided for the unknown outcome "guess"', { outcome: 'guess', podUid }],
    [
      'gave a message that is no text',
      { outcome: 'unschedulable', podUid, rejections: [], preemption: { text: 'no' } },
    ],
    ['gave a message that is no text', { outcome: 'error', podUid, plugin: 'Fit', message: 5 }],
    [
      "made a decision that cannot be read: Cannot read properties of null (reading 'uid')",
      { ...preempt('low'), victims: [null] },
    ],
    ['preempts nobody', preempt()],
    ['preempts default/elsewhere, which is not on a', preempt('elsewhere')],
    ['preempts default/unknown, which is not on a', preempt('unknown')],
    ['preempts default/equal, whose priority is not lower', preempt('low', 'equal')],
  ])('finds that it %s', (reason, decision) => {
    expect(verdictOf(decision)).toEqual({ verdict: 'fault', reason });
  });

  it('finds that it preempts for a pod that must not', () => {
    const never = aPodInfo('never', { priority: 5, preemptionPolicy: 'Never' });
    expect(verdictOf(preempt('low'), never)).toMatchObject({ verdict: 'fault' });
  });
});
