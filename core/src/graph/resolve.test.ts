import { describe, expect, it } from '@jest/globals';
import { definePlugin, defineService, notifyHook, type AnyPlugin, type TokenRecord } from '@timonel/sdk';
import { z } from 'zod';
import { resolveGraph } from './resolve.ts';
import { sortPlugins } from './visit.ts';

const hook = notifyHook<null, null>('graph.test.happened', { description: 'for tests' });
const service = (id: string, major = 1) => defineService<object>(id, { major, cardinality: 'one' });
const many = (id: string) => defineService<object, 'many'>(id, { major: 1, cardinality: 'many' });

function plugin(
  name: string,
  parts: { provides?: TokenRecord; requires?: TokenRecord; optional?: TokenRecord } & Partial<AnyPlugin> = {},
): AnyPlugin {
  const base = definePlugin({ name, version: '1.0.0', apiVersion: 1, setup: () => undefined });
  return { ...base, ...parts } as AnyPlugin;
}

async function problemsOf(plugins: AnyPlugin[], available: AnyPlugin[] = []): Promise<string[]> {
  const graph = await resolveGraph({ plugins: plugins.map((definition) => ({ definition })), available });
  return graph.problems.map(({ code, plugin, message }) => `${code} ${plugin}: ${message}`);
}

describe('resolveGraph', () => {
  it('reports every problem at once', async () => {
    const config = z.strictObject({ port: z.number().optional() });
    const graph = await resolveGraph({
      plugins: [
        { definition: plugin('wants', { requires: { a: service('absent') } }) },
        { definition: plugin('one', { provides: { s: service('taken') } }) },
        { definition: plugin('two', { provides: { s: service('taken') } }) },
        { definition: plugin('x', { provides: { x: service('x') }, requires: { y: service('y') } }) },
        { definition: plugin('y', { provides: { y: service('y') }, requires: { x: service('x') } }) },
        { definition: plugin('old', { apiVersion: 9 }) },
        { definition: plugin('major', { requires: { s: service('taken', 2) } }) },
        { definition: plugin('same') },
        { definition: plugin('same') },
        { definition: plugin('worker', { isolation: 'worker', hooks: { h: hook } }), moduleUrl: 'file:///w.mjs' },
        { definition: plugin('nowhere', { isolation: 'worker' }) },
        { definition: plugin('moon', { isolation: 'moon' as 'worker' }) },
        { definition: plugin('typo', { config }), config: { prot: 1 } },
      ],
      available: [plugin('offers', { provides: { a: service('absent') } })],
    });
    const found = graph.problems.map(({ code, message }) => `${code}: ${message}`).sort();
    expect(found).toEqual([
      `ERR_CONFIG_INVALID: configuration of plugin 'typo': unknown key 'prot' – did you mean 'port'?`,
      `ERR_GRAPH_CYCLE: plugins require each other in a cycle: x -> y -> x`,
      `ERR_PLUGIN_API_VERSION: plugin 'old' was made for plugin API 9; this kernel speaks 1`,
      `ERR_PLUGIN_CONTRACT: plugin 'nowhere': isolation 'worker' needs the URL of a module that the worker can import: enable the plugin from its file`,
      `ERR_PLUGIN_CONTRACT: plugin 'worker': isolation 'worker' may only tap hooks: 'hooks' must be empty`,
      `ERR_PLUGIN_DUPLICATE: 2 plugins have the name 'same'`,
      `ERR_PLUGIN_INVALID: plugin 'moon': 'isolation' is not one of in-process, worker`,
      `ERR_SERVICE_CONFLICT: service 'taken' may have one provider, but 'one', 'two' provide it: enable one of them, or swap the service`,
      `ERR_SERVICE_MISSING: plugin 'wants' requires service 'absent', which no enabled plugin provides; enable one of: 'offers'`,
      `ERR_SERVICE_VERSION: plugin 'major' requires service 'taken' version 2, but 'one' provides version 1`,
    ]);
  });

  it('says what is wrong with a definition that no compiler saw', async () => {
    const bad = { ...plugin('Bad_Name'), setup: 1, swap: 'maybe', requires: { a: {} } } as unknown as AnyPlugin;
    const problems = await problemsOf([bad]);
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toContain(`'requires.a' is not a service token`);
    expect(await problemsOf([{} as AnyPlugin])).toEqual([expect.stringContaining('ERR_PLUGIN_INVALID')]);
  });

  it('does not report what is missing only because its provider is broken', async () => {
    const broken = plugin('broken', { provides: { a: service('a') }, apiVersion: 2 });
    expect(await problemsOf([broken, plugin('user', { requires: { a: service('a') } })])).toHaveLength(1);
  });

  it('orders providers first, optional ones too unless that closes a cycle', async () => {
    const a = plugin('a', { provides: { a: service('a') }, optional: { b: service('b') } });
    const b = plugin('b', { provides: { b: service('b') }, optional: { a: service('a') }, requires: { c: many('c') } });
    const c = plugin('c', { provides: { c: many('c') } });
    const d = plugin('d', { provides: { c: many('c') } });
    const graph = await resolveGraph({
      plugins: [a, b, c, d].map((definition) => ({ definition })),
      available: [],
    });
    expect(graph.problems).toEqual([]);
    expect(sortPlugins(graph.plugins).order).toEqual(['c', 'd', 'b', 'a']);
  });
});
