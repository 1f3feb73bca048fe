// The reference of metrics: every definition that a module of the core, the sdk or a plugin exports.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { code, codes, page, table } from './markdown.mjs';
import { folders, load, read, root } from './sources.mjs';

const makers = /\b(?:counter|gauge|histogram)Metric\(/;
/** What makes definitions, and has none. */
const makersOwn = new Set([join('sdk', 'src', 'kernel', 'metrics', 'definitions.ts')]);
const isMetric = (value) => typeof value === 'object' && value !== null && value.$$type === '@timonel/metric';

function sources(directory) {
  return readdirSync(join(root, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !makersOwn.has(file) && makers.test(read(file)))
    .sort();
}

/** The definitions that the modules of a source directory export, by name. */
async function definitionsIn(directory) {
  const found = new Map();
  for (const file of sources(directory)) {
    const exported = Object.values(await load(file.replace(join('/', 'src', '/'), '/dist/').replace(/\.ts$/, '.js')));
    const metrics = exported.flatMap((value) =>
      isMetric(value) ? [value] : Object.values(value ?? {}).filter(isMetric),
    );
    if (metrics.length === 0) throw new Error(`scripts/docs: ${file} declares metrics but exports none`);
    for (const metric of metrics) found.set(metric.name, metric);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function section(title, metrics) {
  const rows = metrics.map(({ name, type, labels, help }) => [code(name), type, codes(labels), help]);
  return `## ${title}\n\n${table(['metric', 'type', 'labels', 'meaning'], rows)}`;
}

export async function metricsPage() {
  const sections = [
    section('The kernel', await definitionsIn('sdk/src/kernel')),
    section('Every controller', await definitionsIn('sdk/src/controller')),
  ];
  for (const name of folders('plugins')) {
    const metrics = await definitionsIn(`plugins/${name}/src`);
    if (metrics.length > 0) sections.push(section(name, metrics));
  }
  return page(
    'Metrics',
    'Served as text for Prometheus, or as OpenMetrics to clients that ask for it, at `/metrics` of every API server (`kubectl get --raw=/metrics`) and at `/metrics` of the server of a node that runs alone. Names are those of Kubernetes where it has the same thing. A plugin declares its metrics as constants and opens them by `ctx.metrics`; they are shown as long as it lives, and start at 0 with each of its lives. Several plugins may have series of one metric.',
    'Labels have bounded sets of values. A metric has at most as many series as its definition says (2000 unless it says otherwise); what comes over that is counted in one series whose labels are all `other`.',
    ...sections,
  );
}
