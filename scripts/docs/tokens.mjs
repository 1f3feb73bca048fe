// The references of hooks and services: every token that the sdk exports.
import { code, codes, page, table } from './markdown.mjs';
import { commentBefore, folders, load, read, shippedPlugins } from './sources.mjs';

/** Modules of the sdk that declare tokens. */
async function contractModules() {
  const modules = [
    {
      name: '@timonel/sdk',
      source: 'sdk/src/kernel/metrics/family.ts',
      declarations: 'sdk/dist/kernel/metrics/family.d.ts',
      exports: await load('sdk/dist/kernel/metrics/family.js'),
    },
    {
      name: '@timonel/sdk',
      source: 'sdk/src/kernel/control.ts',
      declarations: 'sdk/dist/kernel/control.d.ts',
      exports: await load('sdk/dist/kernel/index.js'),
    },
  ];
  for (const kind of folders('sdk/dist/contracts')) {
    modules.push({
      name: `@timonel/sdk/contracts/${kind}`,
      source: `sdk/src/contracts/${kind}/index.ts`,
      declarations: `sdk/dist/contracts/${kind}/index.d.ts`,
      exports: await load(`sdk/dist/contracts/${kind}/index.js`),
    });
  }
  return modules;
}

const isToken = (value, type) => typeof value === 'object' && value !== null && value.$$type === type;
const byId = (a, b) => (a.token.id < b.token.id ? -1 : 1);

async function hookTokens() {
  const found = new Map();
  for (const module of await contractModules()) {
    for (const [name, value] of Object.entries(module.exports)) {
      const fields = isToken(value, '@timonel/hook')
        ? [[name, value]]
        : Object.entries(value ?? {}).map(([key, token]) => [`${name}.${key}`, token]);
      if (typeof value !== 'object') continue;
      for (const [path, token] of fields) {
        if (isToken(token, '@timonel/hook') && !found.has(token.id)) found.set(token.id, { token, path, module });
      }
    }
  }
  return [...found.values()].sort(byId);
}

async function serviceTokens() {
  const found = new Map();
  for (const module of await contractModules()) {
    for (const [name, token] of Object.entries(module.exports)) {
      if (isToken(token, '@timonel/service') && !found.has(token.id))
        found.set(token.id, { token, path: name, module });
    }
  }
  return [...found.values()].sort(byId);
}

/** Names of the plugins that declare the token under one of the given keys. */
function pluginsWith(plugins, key, id) {
  return [...plugins]
    .filter(([, definition]) => Object.values(definition[key]).some((token) => token.id === id))
    .map(([name]) => name);
}

/** Type arguments of a hook: what the subject and the context are. */
function hookTypes({ path, module }) {
  const field = path.split('.').at(-1);
  const text = read(module.declarations).replace(/\s+/g, ' ');
  const types = new RegExp(`\\b${field}: HookToken<(.*?)>;`).exec(text)?.[1] ?? '';
  const parts = [''];
  let depth = 0;
  for (const letter of types) {
    if ('<{('.includes(letter)) depth += 1;
    if ('>})'.includes(letter)) depth -= 1;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.replaceAll('readonly ', '').replace('; }', ' }').trim());
}

function hookSection(hook, owners) {
  const { token, path, module } = hook;
  const [subject, context] = hookTypes(hook);
  const stages = Object.entries(token.options.stages).sort(([, a], [, b]) => a - b);
  const rows = [
    ['token', `${code(path)} of ${code(module.name)}`],
    ['called by', owners.length === 0 ? 'the kernel' : codes(owners)],
    ['kind', token.kind],
    ['subject', code(subject)],
    ['context', code(context)],
    ['deadline of a tap', `${token.options.deadlineMs} ms`],
    ['policy', token.options.onError],
    ['stages', stages.length === 0 ? '–' : stages.map(([name, at]) => `${name} (${at})`).join(', ')],
  ];
  return `## ${token.id}\n\n${token.options.description}\n\n${table(['', ''], rows)}`;
}

export async function hooksPage() {
  const plugins = await shippedPlugins();
  const hooks = await hookTokens();
  return page(
    'Hooks',
    'A plugin extends another one by a tap: `ctx.tap(token, (subject, context) => …, options)`. Types are those of the module that exports the token.',
    table(
      ['kind', 'a tap returns', 'the caller gets'],
      [
        ['waterfall', 'the new subject, or undefined', 'the last subject'],
        ['collect', 'a list of findings, or undefined', 'the findings of all taps'],
        ['bail', 'an answer, or undefined', 'the first answer, or undefined'],
        ['notify', 'nothing', 'nothing'],
      ],
    ),
    '`undefined` means "no opinion". A tap that throws, runs past its deadline or returns the wrong shape is blamed on its plugin. With the policy `fail` the call fails too, with an error that names the plugin; with `skip` it goes on without that tap. Lower stages run first; a tap without a stage runs at 0. A tap can set its own `stage` and `onError`, and shorten its deadline.',
    ...hooks.map((hook) => hookSection(hook, pluginsWith(plugins, 'hooks', hook.token.id))),
  );
}

function serviceSection({ token, path, module }, plugins) {
  const declared = read(module.declarations);
  const type = new RegExp(`const ${path}: ServiceToken<(\\w+)`).exec(declared)?.[1] ?? '';
  const comment = commentBefore(declared, `export declare const ${path}\\b`)?.replace(/\{@link (\w+)\}/g, '`$1`');
  const providers = pluginsWith(plugins, 'provides', token.id);
  const rows = [
    ['token', `${code(path)} of ${code(module.name)}`],
    ['interface', code(type)],
    ['contract', `[${module.source}](../../${module.source})`],
    ['major version', token.major],
    ['providers', token.cardinality === 'one' ? 'one at a time' : 'any number'],
    ['synchronous methods', codes(token.sync)],
    ['provided by', providers.length === 0 ? 'the kernel' : codes(providers)],
    ['required by', codes(pluginsWith(plugins, 'requires', token.id))],
    ['used where present by', codes(pluginsWith(plugins, 'optional', token.id))],
  ];
  return `## ${token.id}\n\n${comment ?? ''}\n\n${table(['', ''], rows)}`;
}

export async function servicesPage() {
  const plugins = await shippedPlugins();
  const services = await serviceTokens();
  return page(
    'Services',
    'A plugin calls another one through a service: it names the token under `requires` or `optional` and finds the service in `ctx.deps`. Every method returns a promise, but for those named as synchronous.',
    ...services.map((service) => serviceSection(service, plugins)),
  );
}
