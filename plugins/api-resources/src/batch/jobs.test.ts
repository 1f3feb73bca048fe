import { describe, expect, it } from '@jest/globals';
import { created, findings, kindOf, updateFindings } from '../testing/kinds-under-test.ts';

const containers = [{ name: 'c', image: 'i:1' }];
const template = { spec: { restartPolicy: 'Never', containers } };
const made = (spec: object): object =>
  created('jobs', { metadata: { name: 'j', uid: 'u' }, spec: { template, ...spec } });
const now = Date.parse('2026-01-01T01:00:00Z');

function row(object: object): Record<string, unknown> {
  const kind = kindOf('jobs');
  const cells = kind.strategy.cells?.({ metadata: { name: 'j' }, ...object }, { now }) ?? [];
  return Object.fromEntries(kind.columns.map(({ name }, index) => [name, cells[index]]));
}

describe('jobs', () => {
  it.each<[string, object, string[]]>([
    ['valid', {}, []],
    [
      'pods that never end',
      { template: { spec: { containers } } },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'indexed without completions',
      { completionMode: 'Indexed', parallelism: 2 },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'a limit per index without indexes',
      { backoffLimitPerIndex: 1 },
      ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
    ],
  ])('%s', (_name, spec, expected) => {
    const selector = { matchLabels: { a: 'b' } };
    const labelled = { ...template, ...(spec as { template?: object }).template, metadata: { labels: { a: 'b' } } };
    expect(findings('jobs', { spec: { selector, ...spec, template: labelled } })).toEqual(expected);
  });

  it('keep what they are made of', () => {
    const old = made({});
    expect(
      updateFindings('jobs', { ...old, spec: { ...(old as { spec: object }).spec, parallelism: 4 } }, old),
    ).toEqual([]);
    expect(
      updateFindings('jobs', { ...old, spec: { ...(old as { spec: object }).spec, completions: 4 } }, old),
    ).toEqual(['spec.completions: Invalid value: 4: field is immutable']);
  });

  it.each<[object, string, string, string]>([
    [{ spec: { completions: 3 }, status: { succeeded: 1 } }, 'Running', '1/3', ''],
    [{ spec: { parallelism: 2 } }, 'Running', '0/1 of 2', ''],
    [
      {
        spec: { completions: 1 },
        status: {
          succeeded: 1,
          startTime: '2026-01-01T00:00:00Z',
          completionTime: '2026-01-01T00:00:42Z',
          conditions: [{ type: 'Complete', status: 'True' }],
        },
      },
      'Complete',
      '1/1',
      '42s',
    ],
    [
      { status: { startTime: '2026-01-01T00:50:00Z', conditions: [{ type: 'Suspended', status: 'True' }] } },
      'Suspended',
      '0/1',
      '10m',
    ],
  ])('%j', (object, status, completions, duration) => {
    expect(row(object)).toMatchObject({ Status: status, Completions: completions, Duration: duration });
  });
});

describe('cron jobs', () => {
  it('say what is wrong with them', () => {
    const jobTemplate = { spec: { template } };
    expect(findings('cronjobs', { spec: { schedule: '* * * *', concurrencyPolicy: 'Some', jobTemplate } })).toEqual([
      'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
      'spec.concurrencyPolicy: Unsupported value: "Some": supported values: "Allow", "Forbid", "Replace"',
    ]);
    expect(kindOf('cronjobs').nameProblems?.('a'.repeat(53))).toEqual(['must be no more than 52 characters']);
  });
});
