import { describe, expect, it } from '@jest/globals';
import { counterMetric, gaugeMetric, histogramMetric, openMetrics } from '../../kernel/index.ts';
import { expositionFormat, formatMetrics } from './exposition.ts';

const { instruments, collect } = openMetrics({
  reads: counterMetric('reads_total', { help: 'Reads of a "file".\nMore.', labels: ['path'] }),
  level: gaugeMetric('level', { help: 'A level.' }),
  time: histogramMetric('time_seconds', { help: 'Time.', buckets: [0.5] }),
});
instruments.reads.of('C:\\a "b"\nc').add();
instruments.level.of().set(Number.NEGATIVE_INFINITY);
instruments.time.of().observe(0.25);

describe('formatMetrics', () => {
  it('writes the text format of Prometheus', () => {
    expect(formatMetrics(collect(), 'prometheus')).toBe(
      [
        '# HELP reads_total Reads of a "file".\\nMore.',
        '# TYPE reads_total counter',
        'reads_total{path="C:\\\\a \\"b\\"\\nc"} 1',
        '# HELP level A level.',
        '# TYPE level gauge',
        'level -Inf',
        '# HELP time_seconds Time.',
        '# TYPE time_seconds histogram',
        'time_seconds_bucket{le="0.5"} 1',
        'time_seconds_bucket{le="+Inf"} 1',
        'time_seconds_sum 0.25',
        'time_seconds_count 1',
        '',
      ].join('\n'),
    );
  });

  it('writes OpenMetrics', () => {
    const text = formatMetrics(collect(), 'openmetrics');
    expect(text).toContain('# HELP reads Reads of a \\"file\\".\\nMore.\n# TYPE reads counter\nreads_total{');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('gives OpenMetrics to those who ask for it', () => {
    expect(expositionFormat('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')).toBe('openmetrics');
    expect(expositionFormat('*/*')).toBe('prometheus');
    expect(expositionFormat('')).toBe('prometheus');
  });
});
