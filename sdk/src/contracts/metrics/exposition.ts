/**
 * Metrics as text. Sources: the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), and OpenMetrics 1.0.
 */
import type { MetricFamily, MetricSample } from '../../kernel/index.ts';

export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** The media type of each format. */
export const expositionTypes: Readonly<Record<ExpositionFormat, string>> = Object.freeze({
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
});

/** The format a client wants, by its Accept header. */
export function expositionFormat(accept: string): ExpositionFormat {
  return accept.toLowerCase().includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
}

const special = /[\\\n"]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };

function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** Most values have nothing to escape. */
function labelText(text: string): string {
  return special.test(text) ? text.replaceAll(/[\\\n"]/g, (sign) => escapes[sign] ?? '') : text;
}

function sampleLine(name: string, { suffix, labels, value }: MetricSample): string {
  let set = '';
  for (const [label, text] of labels) set += `${set === '' ? '{' : ','}${label}="${labelText(text)}"`;
  return `${name}${suffix}${set === '' ? '' : `${set}}`} ${valueText(value)}\n`;
}

function helpText(help: string, format: ExpositionFormat): string {
  return help.replaceAll(format === 'openmetrics' ? /[\\\n"]/g : /[\\\n]/g, (sign) => escapes[sign] ?? '');
}

function familyText(family: MetricFamily, format: ExpositionFormat): string {
  const { name, type, help, samples } = family;
  // A family of OpenMetrics is named without the suffix of its counter.
  const shown = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  const head = `# HELP ${shown} ${helpText(help, format)}\n# TYPE ${shown} ${type}\n`;
  return head + samples.map((sample) => sampleLine(name, sample)).join('');
}

/** All families as one text. Families without a series are shown by their head alone. */
export function formatMetrics(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const text = families.map((family) => familyText(family, format)).join('');
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}
