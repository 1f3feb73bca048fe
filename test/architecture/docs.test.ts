/** The documentation is true: generated pages are up to date, links lead somewhere, examples load. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

function filesIn(directory: string, extension: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesIn(path, extension);
    return name.endsWith(extension) ? [path] : [];
  });
}

/** Markdown without fenced code. */
function prose(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/^```[^]*?^```/gm, '');
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Relative links of a page that lead nowhere. */
function brokenLinks(file: string): string[] {
  return [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? file : join(dirname(file), path);
      if (!existsSync(linked)) return true;
      return anchor !== undefined && !anchorsOf(linked).has(anchor);
    })
    .map((target) => `${relative(root, file)}: ${target}`);
}

describe('documentation', () => {
  const pages = [join(root, 'README.md'), join(root, 'AGENTS.md'), ...filesIn(join(root, 'docs'), '.md')];

  it('is what `npm run docs` makes of the built tree', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'scripts', 'docs.mjs'), '--check']).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: `${error.stdout}${error.stderr}` }),
    );
    expect(stdout).toMatch(/^\d+ pages are up to date\.\n$/);
  }, 60_000);

  it.each(pages.map((file) => relative(root, file)))('%s has links that lead somewhere', (file) => {
    expect(brokenLinks(join(root, file))).toEqual([]);
  });

  it('finds links to missing files and headings', () => {
    const guide = join(root, 'docs', 'guides', 'write-a-plugin.md');
    expect(anchorsOf(guide)).toContain('ten-lines');
    expect(anchorsOf(guide)).not.toContain('eleven-lines');
    expect(pages.length).toBeGreaterThan(8);
  });
});

// In a process of its own: the loader imports bundles by URL and starts workers, which a test's module registry cannot.
const loader = `
  import(process.argv[1])
    .then(({ loadPluginFile }) => loadPluginFile(process.argv[2], process.argv[3]))
    .then(({ definition: { $$type, name, version, apiVersion }, source }) => {
      process.stdout.write(JSON.stringify({ $$type, name, version, apiVersion, source }));
    });`;

describe('examples/plugins', () => {
  const examples = filesIn(join(root, 'examples', 'plugins'), '.ts');

  it.each(examples.map((file) => relative(root, file)))(
    '%s is a plugin that can be enabled',
    async (example) => {
      const file = join(root, example);
      const cache = mkdtempSync(join(tmpdir(), 'timonel-docs-'));
      try {
        const cli = pathToFileURL(join(root, 'cli', 'dist', 'index.js')).href;
        const args = ['--input-type=module', '-e', loader, cli, file, cache];
        const { stdout } = await run(process.execPath, args, { cwd: root });
        expect(JSON.parse(stdout)).toMatchObject({
          $$type: '@timonel/plugin',
          name: example.replace(/^.*\/|\.ts$/g, ''),
          version: '1.0.0',
          apiVersion: 1,
          source: file,
        });
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
    },
    30_000,
  );

  it('are all in a guide', () => {
    const guides = filesIn(join(root, 'docs', 'guides'), '.md').map((file) => readFileSync(file, 'utf8'));
    const missing = examples
      .map((file) => relative(root, file))
      .filter((file) => !guides.some((guide) => guide.includes(`<!-- file: ${file} -->`)));
    expect(missing).toEqual([]);
  });
});
