/**
 * Exceptions that reach nobody: thrown in a callback that a plugin gave to Node itself, or a rejected promise without a handler.
 * One whose stack leads to a plugin is a fault of that plugin (and may quarantine it); any other means that the process can no
 * longer be trusted, and ends it cleanly.
 */
import { fileURLToPath } from 'node:url';
import type { Kernel } from '@timonel/core';
import { errorMessage, type Logger } from '@timonel/sdk';
import { pluginsIn } from './catalogue.ts';

/** Where code of plugins lies: in the tree, in packages, in the bundle of the command. */
const places = [
  /[/\\]plugins[/\\]([a-z0-9-]+)[/\\](?:src|dist)[/\\]/,
  /@timonel[/\\]plugin-([a-z0-9-]+)[/\\]/,
  /[/\\]bundle[/\\]plugin-([a-z0-9-]+)\.\w+\.js/,
];

/** The plugin that a stack leads to: the innermost frame in a plugin's own code. `bundles` maps bundle URLs to names. */
export function pluginOfStack(stack: string, bundles: ReadonlyMap<string, string>): string | undefined {
  for (const line of stack.split('\n')) {
    for (const [url, name] of bundles) if (line.includes(url) || line.includes(fileURLToPath(url))) return name;
    for (const place of places) {
      const builtIn = place.exec(line);
      if (builtIn !== null) return builtIn[1];
    }
  }
  return undefined;
}

/** Installs the handlers. Resolves `fatal` with the error that belongs to no plugin. */
export function watchStrayErrors(
  kernel: Kernel,
  bundles: ReadonlyMap<string, string>,
  log: Logger,
): { readonly fatal: Promise<unknown>; stop(): void } {
  let fail: (error: unknown) => void = () => undefined;
  const fatal = new Promise<unknown>((resolve) => {
    fail = resolve;
  });
  const onError = (error: unknown): void => {
    const stack = (error as { stack?: string } | undefined)?.stack ?? '';
    const plugin = pluginOfStack(stack, bundles);
    log.error(
      { plugin: plugin ?? 'kernel', err: { message: errorMessage(error), stack } },
      'an exception reached nobody',
    );
    // Code that plugins share does not say for whom it ran: it is a fault of each.
    const blamed = plugin === undefined ? [] : pluginsIn(plugin).filter((name) => kernel.reportFault(name, error));
    if (blamed.length === 0) fail(error);
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return {
    fatal,
    stop() {
      process.off('uncaughtException', onError);
      process.off('unhandledRejection', onError);
    },
  };
}
