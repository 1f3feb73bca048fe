/** Which outward calls of a node are steps of a pod's start and stop, and what they are called. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { AnyPlugin, PluginInstance } from '@timonel/sdk';
import { countBuiltins, countedService, type AtStep, type BuiltinCall } from '@timonel/testkit/fault-steps';

const readsOnly =
  /^(?:get|list.*|watch|find|info|stats|usage|containerStatus|supports|keys|nodeNetwork|dial|on[A-Z].*|retain)$/;
/** Plugins by the files of the bundle that hold their code. */
const owners = JSON.parse(readFileSync(new URL('owners.json', import.meta.url), 'utf8')) as Record<string, string>;
/** Whose files and programs are steps. Those of the runtimes are the business of their own tests. */
const counts = /^(?:node-agent|network-.*|volumes-.*)$/;

type NameOfCall = (method: string, args: readonly unknown[]) => string | undefined;

function nameOfCall(service: string, others: () => readonly string[]): NameOfCall {
  return (method, args) => {
    if (readsOnly.test(method) || mentions(others(), args)) return undefined;
    if (service !== 'api') return `${service}.${method}`;
    const { resource } = args[0] as { resource?: string };
    return resource === 'pods' ? `api.${method} pods` : undefined;
  };
}

function counted(plugin: AnyPlugin, others: () => readonly string[], at: AtStep): AnyPlugin {
  return {
    ...plugin,
    setup: async (ctx) => {
      const made = (await plugin.setup(ctx)) as PluginInstance | void;
      if (made?.provides === undefined) return made;
      const provides = Object.entries(made.provides as Record<string, object>).map(([key, service]) => [
        key,
        countedService(service, at, nameOfCall(key, others)),
      ]);
      return { ...made, provides: Object.fromEntries(provides) as never };
    },
  };
}

const uid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The same for every pod and every run. */
function withoutNames(text: string): string {
  return text
    .replaceAll(uid, 'UID')
    .replaceAll(/(?<![a-z0-9])p\d+(?![a-z0-9])/g, 'POD')
    .replaceAll(/\.\.[0-9a-f]{24}/g, '..VERSION');
}

function nearestPlugin(stack: string): string | undefined {
  for (const [, file = ''] of stack.matchAll(/\/([^/]+\.mjs):/g)) {
    if (owners[file] !== undefined) return owners[file];
  }
  return undefined;
}

function nameOfBuiltin({ name, args, stack }: BuiltinCall, dataDir: string): string | undefined {
  const plugin = nearestPlugin(stack);
  if (plugin === undefined || !counts.test(plugin)) return undefined;
  if (name === 'spawn') return `program of ${plugin}: ${basename(String(args[0]))}`;
  const path = String(args[name === 'symlink' || name === 'rename' || name === 'link' ? 1 : 0]);
  const shown = path.replace(`${dataDir}/`, '').replace(`${plugin}/`, '');
  return withoutNames(`files of ${plugin}: ${name} ${shown}`);
}

/** Whether the call is about something that one of these words names. */
function mentions(words: readonly string[], args: readonly unknown[]): boolean {
  const text = JSON.stringify(args);
  return words.some((word) => text.includes(word));
}

/** The same plugins; from now on their steps are told, but those about what one of the words of `others` names. */
export function countSteps(
  plugins: readonly AnyPlugin[],
  dataDir: string,
  others: () => readonly string[],
  at: AtStep,
): AnyPlugin[] {
  countBuiltins(at, (call) => (mentions(others(), call.args) ? undefined : nameOfBuiltin(call, dataDir)));
  return plugins.map((plugin) => counted(plugin, others, at));
}
