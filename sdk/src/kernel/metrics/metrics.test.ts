import { describe, expect, it } from '@jest/globals';
import { counterMetric, gaugeMetric, histogramMetric, mergeFamilies, openMetrics } from './index.ts';

const definitions = {
  requests: counterMetric('requests_total', { help: 'Requests.', labels: ['verb', 'code'], seriesLimit: 3 }),
  depth: gaugeMetric('depth', { help: 'Depth.' }),
  time: histogramMetric('time_seconds', { help: 'Time.', labels: ['verb'], buckets: [0.1, 1] }),
};

function valuesOf(families: ReturnType<ReturnType<typeof openMetrics>['collect']>, name: string) {
  const samples = families.find((family) => family.name === name)?.samples ?? [];
  return samples.map(({ suffix, labels, value }) => [suffix, labels.map(([, text]) => text).join(), value]);
}

describe('metrics', () => {
  it('keeps one series for each combination of label values', () => {
    const { instruments, collect } = openMetrics(definitions);
    instruments.requests.of('GET', '200').add();
    instruments.requests.of('GET', '200').add(2);
    instruments.requests.of('GET', '404').add();
    expect(instruments.requests.of('GET', '200')).toBe(instruments.requests.of('GET', '200'));
    expect(valuesOf(collect(), 'requests_total')).toEqual([
      ['', 'GET,200', 3],
      ['', 'GET,404', 1],
    ]);
  });

  it('shows a metric without labels from the beginning', () => {
    const { instruments, collect } = openMetrics(definitions);
    expect(valuesOf(collect(), 'depth')).toEqual([['', '', 0]]);
    instruments.depth.of().set(4);
    instruments.depth.of().add(-1);
    expect(valuesOf(collect(), 'depth')).toEqual([['', '', 3]]);
  });

  it('counts buckets cumulatively, bounds included', () => {
    const { instruments, collect } = openMetrics(definitions);
    for (const seconds of [0.1, 0.5, 7]) instruments.time.of('GET').observe(seconds);
    expect(valuesOf(collect(), 'time_seconds')).toEqual([
      ['_bucket', 'GET,0.1', 1],
      ['_bucket', 'GET,1', 2],
      ['_bucket', 'GET,+Inf', 3],
      ['_sum', 'GET', 7.6],
      ['_count', 'GET', 3],
    ]);
  });

  it('puts what is over its bound into one series', () => {
    const { instruments, collect } = openMetrics(definitions);
    for (let code = 0; code < 10; code++) instruments.requests.of('GET', String(code)).add();
    const values = valuesOf(collect(), 'requests_total');
    expect(values).toHaveLength(4);
    expect(values.at(-1)).toEqual(['', 'other,other', 7]);
  });

  it('refreshes before a collection, and forgets what was cleared', () => {
    let now = 1;
    const { collect } = openMetrics(definitions, ({ requests, depth }) => {
      requests.clear();
      requests.of('N', String(now)).set(now);
      depth.of().set(now);
    });
    collect();
    now = 2;
    expect(valuesOf(collect(), 'requests_total')).toEqual([['', 'N,2', 2]]);
    expect(valuesOf(collect(), 'depth')).toEqual([['', '', 2]]);
  });

  it('refuses names and label counts that cannot be', () => {
    expect(() => counterMetric('requests', { help: '' })).toThrow('must end in _total');
    expect(() => gaugeMetric('a-b', { help: '' })).toThrow(`'a-b' cannot be the name`);
    expect(() => gaugeMetric('a', { help: '', labels: ['é'] })).toThrow('cannot be the name');
    expect(() => histogramMetric('a', { help: '', buckets: [1, 1] })).toThrow('must ascend');
    expect(() => gaugeMetric('a', { help: '', seriesLimit: 0 })).toThrow('at least 1');
    const { requests } = openMetrics(definitions).instruments;
    expect(() => (requests.of as (...values: string[]) => unknown)('GET')).toThrow('has 2 labels, not 1');
  });

  it('adds up the series of several sources and sorts by name', () => {
    const sources = [openMetrics(definitions), openMetrics({ depth: definitions.depth })];
    sources[0]?.instruments.depth.of().set(1);
    sources[1]?.instruments.depth.of().set(2);
    const merged = mergeFamilies(sources.flatMap(({ collect }) => collect()));
    expect(merged.map(({ name }) => name)).toEqual(['depth', 'requests_total', 'time_seconds']);
    expect(valuesOf(merged, 'depth')).toEqual([['', '', 3]]);
  });
});
