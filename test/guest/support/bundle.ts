/** Each test with all it imports as one file: on a processor that is emulated, loading is what takes the time. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './paths.ts';

/** At the same places below `target`, as `.mjs`. */
export async function bundleTests(tests: readonly string[], target: string): Promise<void> {
  await build({
    entryPoints: tests.map((path) => join(root, path)),
    outbase: root,
    outdir: target,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['timonel-source'],
    external: ['@jest/globals'],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    logLevel: 'error',
  });
}
