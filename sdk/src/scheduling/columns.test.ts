import { describe, expect, it } from '@jest/globals';
import type { Node } from '../kube/index.ts';
import { ResourceColumns } from './columns.ts';
import { PodClasses } from './pod-class.ts';

const node = (allocatable: Record<string, string>): Node => ({ metadata: {}, spec: {}, status: { allocatable } });

describe('ResourceColumns', () => {
  it('keeps nothing for resources that somebody only asks about', () => {
    const columns = new ResourceColumns();
    const first = columns.of('example.com/a');
    expect(columns.of('example.com/b')).toBe(first);
    columns.reserve(1000);
    expect(columns.of('example.com/a').requested).toHaveLength(1000);
    expect(columns.of('example.com/a').allocatable[999]).toBe(0);
  });

  it('keeps columns of resources that nodes have or pods ask for', () => {
    const columns = new ResourceColumns();
    columns.setNode(3, node({ 'example.com/a': '2' }));
    const resources = { requests: { 'example.com/b': '5' } };
    const spec = { containers: [{ name: 'c', image: 'x', resources }] };
    const { request, scoringRequest } = new PodClasses().classOf({ metadata: { name: 'p' }, spec });
    columns.count(4, request, scoringRequest, 1);
    expect(columns.of('example.com/a').allocatable[3]).toBe(2);
    expect(columns.of('example.com/b').requested[4]).toBe(5);
    expect(columns.of('example.com/c').requested[4]).toBe(0);
  });
});
