/**
 * Loads a plugin from one file. The file is bundled with esbuild (so TypeScript works, and packages beside the file are
 * found), except for `@timonel/sdk`, which is always this installation's copy. The bundle is first imported in a worker with a
 * deadline: a file that throws, hangs or loops at import never gets into the cluster's process.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { KernelError, errorMessage, pluginApiVersion, type AnyPlugin } from '@timonel/sdk';
import type { PluginEntry } from '@timonel/core';
import type { Plugin as EsbuildPlugin } from 'esbuild';

const importDeadlineMs = 5000;

/** True for what `plugin enable` must take as a file and not as the name of a plugin. */
export function looksLikeFile(nameOrFile: string): boolean {
  return /[/\\]|\.[cm]?[jt]s$/.test(nameOrFile);
}

const ownPackages: EsbuildPlugin = {
  name: 'timonel-packages',
  setup(build) {
    build.onResolve({ filter: /^@timonel\/sdk(\/|$)/ }, (args) => ({
      path: import.meta.resolve(args.path),
      external: true,
    }));
    // A package that is not installed beside the plugin file may be one that Timonel itself uses (zod above all).
    build.onResolve({ filter: /^[^./]/ }, async (args) => {
      if (args.pluginData === 'second-try' || args.kind === 'entry-point') return undefined;
      const found = await build.resolve(args.path, {
        resolveDir: args.resolveDir,
        kind: args.kind,
        pluginData: 'second-try',
      });
      if (found.errors.length === 0) return found;
      try {
        return { path: import.meta.resolve(args.path), external: true };
      } catch {
        return found;
      }
    });
  },
};

async function bundle(file: string): Promise<string> {
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'silent',
    plugins: [ownPackages],
  });
  const output = result.outputFiles[0];
  if (output === undefined) throw new Error('esbuild made no output');
  return output.text;
}

async function importInWorker(url: string, file: string): Promise<void> {
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData).then(
      (module) => parentPort.postMessage({ ok: true, hasDefault: module.default !== undefined }),
      (error) => parentPort.postMessage({ ok: false, message: String(error?.message ?? error) }),
    );`;
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: url, stdout: true, stderr: true });
  const outcome = new Promise<void>((resolvePromise, reject) => {
    const failed = (why: string): void =>
      reject(new KernelError('ERR_PLUGIN_IMPORT', `${file} could not be imported: ${why}`));
    const timer = setTimeout(() => failed(`it did not finish within ${importDeadlineMs} ms`), importDeadlineMs);
    worker.once('message', (message: { ok: boolean; message?: string }) => {
      clearTimeout(timer);
      if (message.ok) resolvePromise();
      else failed(message.message ?? 'unknown error');
    });
    worker.once('error', (error) => {
      clearTimeout(timer);
      failed(errorMessage(error));
    });
    worker.once('exit', () => {
      clearTimeout(timer);
      failed('it ended the process');
    });
  });
  try {
    await outcome;
  } finally {
    await worker.terminate();
  }
}

/** Checks the shape of a module's default export. @throws KernelError ERR_PLUGIN_INVALID, ERR_PLUGIN_API_VERSION */
function checkDefinition(value: unknown, file: string): AnyPlugin {
  const plugin = value as Partial<AnyPlugin> | undefined;
  if (typeof plugin !== 'object' || plugin === null || plugin.$$type !== '@timonel/plugin') {
    throw new KernelError(
      'ERR_PLUGIN_INVALID',
      `${file} has no default export made by definePlugin: write \`export default definePlugin({ … })\`.`,
    );
  }
  if (plugin.apiVersion !== pluginApiVersion) {
    throw new KernelError(
      'ERR_PLUGIN_API_VERSION',
      `${file} was made for plugin API ${String(plugin.apiVersion)}; this is ${pluginApiVersion}: rebuild it against this version of @timonel/sdk.`,
    );
  }
  return plugin as AnyPlugin;
}

/**
 * Loads the plugin of a file.
 * @throws KernelError ERR_PLUGIN_IMPORT, ERR_PLUGIN_INVALID, ERR_PLUGIN_API_VERSION
 */
export async function loadPluginFile(path: string, cacheDir: string): Promise<PluginEntry> {
  const file = isAbsolute(path) ? path : resolve(path);
  if (!existsSync(file)) throw new KernelError('ERR_PLUGIN_IMPORT', `${file} does not exist.`);
  let code: string;
  try {
    code = await bundle(file);
  } catch (cause) {
    throw new KernelError('ERR_PLUGIN_IMPORT', `${file} could not be compiled: ${errorMessage(cause)}`, { cause });
  }
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 16);
  const target = join(cacheDir, `${hash}.mjs`);
  if (!existsSync(target)) writeFileSync(target, code, { mode: 0o600 });
  const url = pathToFileURL(target).href;
  await importInWorker(url, file);
  const module = (await import(url)) as { default?: unknown };
  return { definition: checkDefinition(module.default, file), source: file, moduleUrl: url };
}
