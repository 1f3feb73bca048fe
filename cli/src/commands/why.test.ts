import { describe, expect, it } from '@jest/globals';
import type { Why } from '@timonel/sdk/contracts/why';
import { whyText } from '../output/why-text.ts';
import { createProgram } from '../program.ts';
import { candidates } from './completion.ts';
import { pathOf, targetOf } from './why.ts';

describe('timonel why', () => {
  it('takes a kind and a name, as two words or as one', () => {
    const web = { resource: 'pods', name: 'web-0' };
    expect([targetOf('pod', 'web-0'), targetOf('pods/web-0', undefined), targetOf('PO', 'web-0')]).toEqual([
      web,
      web,
      web,
    ]);
    expect(targetOf('deploy', 'web')).toEqual({ resource: 'deployments.apps', name: 'web' });
    expect(targetOf('HPA/web', undefined).resource).toBe('horizontalpodautoscalers.autoscaling');
    expect(targetOf('statefulsets', 'db').resource).toBe('statefulsets.apps');
    expect(targetOf('constructor', 'web')).toEqual({ resource: 'constructor', name: 'web' });
    const bad: [string, string?][] = [['pod'], ['pod/'], ['/a'], ['a/b/c'], ['pod', 'a/b'], ['pod/a', 'b']];
    for (const [kind, name] of bad) expect(() => targetOf(kind, name)).toThrow('timonel why pod web-0');
  });

  it('asks for the namespace of what has one', () => {
    expect(pathOf(targetOf('pod', 'a'), 'shop')).toBe('/apis/why.timonel.dev/v1/namespaces/shop/pods/a');
    expect(pathOf(targetOf('node', 'a'), 'shop')).toBe('/apis/why.timonel.dev/v1/nodes/a');
    expect(pathOf(targetOf('pod', 'a?b'), 'x y')).toBe('/apis/why.timonel.dev/v1/namespaces/x%20y/pods/a%3Fb');
  });

  it('is completed', () => {
    const program = createProgram();
    expect(candidates(program, ['wh'])).toEqual(['why']);
    expect(candidates(program, ['why', ''])).toEqual(['pod', 'pod/']);
    expect(candidates(program, ['why', '--n'])).toEqual(['--namespace']);
    expect(candidates(program, ['why', 'pod/a', '--to'])).toEqual(['--to', '--to-namespace']);
    expect(candidates(program, ['why', 'pod/a', '--to', ''])).toEqual(['pod/', 'service/']);
  });
});

const waiting: Why = {
  object: { group: '', resource: 'pods', namespace: 'shop', name: 'web-0' },
  state: 'Pending',
  summary: '0/5 nodes are available: 3 Insufficient cpu, 2 node(s) were unschedulable.',
  causes: [
    {
      component: 'scheduler',
      plugin: 'NodeResourcesFit',
      code: 'insufficient-cpu',
      text: 'Insufficient cpu',
      nodes: { count: 3, names: ['a', 'b'] },
      alone: 3,
      detail: { resource: 'cpu', requested: 500, free: 300, short: 200, node: 'a' },
      unblock: 'free 200m cpu on one of 3 nodes',
    },
    { component: 'node', code: 'x', text: 'Something else', nodes: { count: 1, names: ['c'] }, next: 'more' },
  ],
  decisions: [{ time: '2026-01-01T00:00:00Z', by: 'scheduler-default', outcome: 'unschedulable', text: 'no' }],
  preemption: 'no victims',
  cut: ['causes: 2 more'],
};

describe('the text', () => {
  it('has the root cause first, with nodes, figures and what would help', () => {
    expect(whyText(waiting)).toBe(
      `Pod shop/web-0 is Pending: 0/5 nodes are available: 3 Insufficient cpu, 2 node(s) were unschedulable.

Root cause:
1. Insufficient cpu (NodeResourcesFit)
   3 nodes: a, b and 1 more; nothing else is in the way there
   asks for 500m, 300m is free on node a: 200m short
   would help: free 200m cpu on one of 3 nodes

Also in the way:
2. Something else (node)
   1 node: c
   after that: more

Preemption: no victims

Last decisions:
TIME                   PLUGIN              OUTCOME         
2026-01-01T00:00:00Z   scheduler-default   unschedulable   no

Left out: causes: 2 more`.replace(/ +$/gm, ''),
    );
  });

  it('has the scores of the decision that placed it', () => {
    const scores = [
      { nodeName: 'a', total: 112.4, scores: { Fit: 60.2, Balanced: 52.2 } },
      { nodeName: 'b', total: 50, scores: { Fit: 50 } },
    ];
    const decisions = [{ time: 't', by: 's', outcome: 'bind', text: 'a', scores }];
    const text = whyText({ ...waiting, causes: [], decisions, cut: [], state: 'Running' });
    expect(text).toContain('NODE   TOTAL   Fit   Balanced\na      112     60    52\nb      50      50    -');
    expect(text).not.toContain('Root cause');
  });
});
