import { describe, expect, it } from '@jest/globals';
import type { NodeRejection } from '@timonel/sdk/contracts/scheduler';
import { unschedulableMessage } from './message.ts';

const rejection = (nodeCount: number, reason: string): NodeRejection => ({
  plugin: 'Any',
  code: 'any',
  reason,
  nodeCount,
  nodes: [],
  resolvable: true,
});

describe('the message of a pod without a place', () => {
  it('counts the nodes of each reason, sorted as kube-scheduler does', () => {
    const rejections = [
      rejection(3, 'Insufficient cpu'),
      rejection(1, 'node(s) had untolerated taint(s)'),
      rejection(1, 'node(s) had untolerated taint(s)'),
    ];
    expect(unschedulableMessage(5, { rejections })).toBe(
      '0/5 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient cpu.',
    );
    expect(unschedulableMessage(5, { rejections, preemption: 'not eligible due to preemptionPolicy=Never.' })).toBe(
      '0/5 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient cpu. ' +
        'preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  it('says what does not concern single nodes first', () => {
    const message = 'pod group "a/b": 3 of 5 members fit';
    expect(unschedulableMessage(5, { rejections: [], message, preemption: 'nothing' })).toBe(
      '0/5 nodes are available: pod group "a/b": 3 of 5 members fit. preemption: nothing.',
    );
    expect(unschedulableMessage(5, { rejections: [rejection(5, 'Insufficient cpu')], message })).toBe(
      '0/5 nodes are available: pod group "a/b": 3 of 5 members fit. 5 Insufficient cpu.',
    );
  });

  it('has a form for no nodes and for no reasons, and an end', () => {
    expect(unschedulableMessage(0, { rejections: [] })).toBe('no nodes available to schedule pods');
    expect(unschedulableMessage(2, { rejections: [] })).toBe('0/2 nodes are available.');
    const long = Array.from({ length: 500 }, (_, index) => rejection(1, `reason ${index}`));
    expect(unschedulableMessage(500, { rejections: long })).toHaveLength(1024);
  });
});
