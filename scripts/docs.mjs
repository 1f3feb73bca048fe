// Writes docs/reference from the built tree, and the examples into the guides. With --check it writes nothing and exits with 1
// when a file would change. The result depends on the sources alone: no dates, no facts of this machine.
import { readFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { apiCompatibilityPage } from './docs/api-compatibility.mjs';
import { cliPage } from './docs/cli.mjs';
import { configurationPage } from './docs/configuration.mjs';
import { errorsPage } from './docs/errors.mjs';
import { guidePages } from './docs/guides.mjs';
import { metricsPage } from './docs/metrics.mjs';
import { pluginsPage } from './docs/plugins.mjs';
import { hooksPage, servicesPage } from './docs/tokens.mjs';
import { root } from './docs/sources.mjs';

const check = process.argv.includes('--check');

if (!existsSync(join(root, 'cli', 'dist', 'program.js'))) {
  console.error('The tree is not built: run `npm install` (or `npm run build`) first.');
  process.exit(1);
}

const reference = join(root, 'docs', 'reference');
const pages = new Map([
  [join(reference, 'api-compatibility.md'), await apiCompatibilityPage()],
  [join(reference, 'cli.md'), await cliPage()],
  [join(reference, 'configuration.md'), await configurationPage()],
  [join(reference, 'errors.md'), await errorsPage()],
  [join(reference, 'hooks.md'), await hooksPage()],
  [join(reference, 'metrics.md'), await metricsPage()],
  [join(reference, 'plugins.md'), await pluginsPage()],
  [join(reference, 'services.md'), await servicesPage()],
  ...guidePages(),
]);

const changed = [...pages].filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text);
for (const [file, text] of changed) {
  if (check) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
for (const [file] of changed) console.log(`${check ? 'out of date: ' : 'written: '}${relative(root, file)}`);
if (changed.length === 0) console.log(`${pages.size} pages are up to date.`);
else if (check) console.log('Run `npm run build` and `npm run docs`.');
process.exit(check && changed.length > 0 ? 1 : 0);
