import { describe, expect, it } from '@jest/globals';
import { problemsOf } from './diagnosis.ts';
import { readResult, type Outcome, type ProbeResult } from './probes.ts';
import { reportText } from './report-text.ts';
import { checksOf, type Check, type CheckedNode, type CheckKind } from './report.ts';

const nodes: readonly CheckedNode[] = [
  { name: 'a', address: '10.0.0.1', podCIDR: '10.244.1.0/24' },
  { name: 'b', address: '10.0.0.2', podCIDR: '10.244.2.0/24' },
];
const names = ['kubernetes.default.svc'];

/** `KIND FROM TO`: its outcome; all others are ok. */
function checks(bad: Readonly<Record<string, Outcome>>): readonly Check[] {
  const kinds: readonly CheckKind[] = ['pod to pod', 'pod to service', 'node to pod', 'node to node'];
  const outcome = (kind: CheckKind, from: string, to: string): Outcome => bad[`${kind} ${from} ${to}`] ?? 'ok';
  return nodes.flatMap(({ name: from }) => [
    ...nodes.flatMap(({ name: to }) => kinds.map((kind) => ({ kind, from, to, outcome: outcome(kind, from, to) }))),
    ...names.map((to): Check => ({ kind: 'DNS', from, to, outcome: outcome('DNS', from, to) })),
  ]);
}
const told = (bad: Readonly<Record<string, Outcome>>, policies: readonly string[] = []): readonly string[] =>
  problemsOf({ nodes, checks: checks(bad), policies });
const all = (from: string, to: string, outcome: Outcome, kinds: readonly CheckKind[]): Record<string, Outcome> =>
  Object.fromEntries(kinds.map((kind) => [`${kind} ${from} ${to}`, outcome]));

describe('what is wrong', () => {
  it('is nothing when all is ok', () => {
    expect(told({})).toEqual([]);
  });

  it('is one sentence where a link is cut, whatever fails with it', () => {
    const bad = all('a', 'b', 'no answer', ['pod to pod', 'pod to service', 'node to pod', 'node to node']);
    expect(told(bad)).toEqual([expect.stringMatching(/^a does not reach the node b at 10\.0\.0\.2 .*link.*cut/)]);
  });

  it('is a route when the node is reached and its pods are not', () => {
    const kinds: readonly CheckKind[] = ['pod to pod', 'pod to service', 'node to pod'];
    expect(told(all('a', 'b', 'no route', kinds))).toEqual(['a has no route to b for its pods (10.244.2.0/24)']);
    expect(told(all('a', 'b', 'no answer', kinds), ['deny'])).toEqual([
      expect.stringMatching(/reaches the node b, and not its pods \(10\.244\.2\.0\/24\).*route.*network policies deny/),
    ]);
    expect(told(all('a', 'b', 'refused', kinds))[0]).toContain('refuses what is for them');
  });

  it('is forwarding or a policy when the node reaches pods and its pods do not', () => {
    const bad = all('a', 'b', 'no answer', ['pod to pod', 'pod to service']);
    expect(told(bad)).toEqual([expect.stringMatching(/^pods of a do not reach pods of b.*network policy/)]);
    expect(told(bad, ['deny-all'])).toEqual([expect.stringContaining('network policies deny-all')]);
  });

  it('is the MTU when large packets alone are lost', () => {
    expect(told(all('a', 'b', 'small packets only', ['pod to pod', 'pod to service']))).toEqual([
      expect.stringContaining('the MTU of the pods is larger'),
    ]);
  });

  it('is the bridge of a node whose own pods it does not reach', () => {
    expect(told(all('a', 'a', 'no answer', ['pod to pod', 'node to pod', 'pod to service']))).toEqual([
      expect.stringMatching(/^a does not reach pods of its own/),
    ]);
  });

  it('is the proxy of a node when services fail and pods do not', () => {
    const bad = { ...all('a', 'a', 'refused', ['pod to service']), ...all('a', 'b', 'refused', ['pod to service']) };
    expect(told(bad)).toEqual([expect.stringMatching(/^pods of a reach the pods of a, b, and not by a service/)]);
  });

  it('is DNS, and a node where nothing could be checked', () => {
    expect(
      told({ 'DNS a kubernetes.default.svc': 'no answer', 'DNS b kubernetes.default.svc': 'unknown name' }),
    ).toEqual([
      expect.stringMatching(/^DNS in pods of a does not answer for kubernetes\.default\.svc/),
      expect.stringMatching(/^DNS in pods of b does not know kubernetes\.default\.svc/),
    ]);
    const [first] = problemsOf({ nodes: [{ name: 'c', problem: 'the node is not Ready' }], checks: [], policies: [] });
    expect(first).toBe('c: the node is not Ready');
  });
});

describe('what a prober tells', () => {
  const order = { targets: [{ pod: 'x' }, { pod: 'y' }], names };
  it('is read letter by letter', () => {
    const result = readResult('a warning\noo.,rbu;x\n', order);
    expect(result).toEqual({
      targets: [
        { pod: 'ok', service: 'ok', node: 'not tried' },
        { pod: 'refused', service: 'small packets only', node: 'no route' },
      ],
      names: ['unknown name'],
    });
    const of = checksOf(new Map([['a', { pod: result, node: undefined }]]), ['a', 'b'], names);
    expect(of).toContainEqual({ kind: 'pod to service', from: 'a', to: 'b', outcome: 'small packets only' });
    expect(of).toContainEqual({ kind: 'node to pod', from: 'a', to: 'b', outcome: 'not tried' });
    expect(of).toHaveLength(9);
  });
  it('is nothing when it is anything else', () => {
    const bad = [
      '',
      'ooo;o',
      'oo.,oo.,oo.;o',
      'oo.,oo.;',
      'oo.,oo.;oo',
      'oo.,oz.;o',
      'oo.,oo.;o;o',
      'constructor;o',
      'o,o;o',
    ];
    expect(bad.map((text) => readResult(text, order))).toEqual(bad.map(() => undefined));
    expect(readResult(';', { targets: [], names: [] })).toEqual({ targets: [], names: [] } satisfies ProbeResult);
  });
});

describe('the matrix', () => {
  const report = (list: readonly Check[], more: readonly CheckedNode[] = nodes): string =>
    reportText({ ok: true, nodes: more, checks: list, problems: [] });
  it('has a row for each kind and node, and a column for each node', () => {
    const text = report(checks({ 'pod to pod a b': 'no answer' }));
    expect(text).toMatch(/^CHECK +FROM +TO a +TO b\npod to pod +a +ok +no answer\npod to pod +b +ok +ok\n/);
    expect(text).toMatch(/DNS +a +kubernetes\.default\.svc +ok/);
  });
  it('shows of many nodes those with which something is wrong', () => {
    const many = [...nodes, ...Array.from({ length: 20 }, (_, at) => ({ name: `m${at}` }))];
    const text = report(checks({ 'node to node a b': 'no answer' }), many);
    expect(text).toContain('TO b');
    expect(text).not.toContain('m1');
    expect(text).toContain('20 more nodes');
  });
});
