// The reference of the plugins that ship.
import { code, codes, page, table } from './markdown.mjs';
import { load, shippedPlugins } from './sources.mjs';

const ids = (tokens) => Object.values(tokens).map(({ id }) => id);
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;

// Any settings do: only the names are used.
const settings = {
  instance: 'example',
  nodeName: 'node',
  address: '127.0.0.1',
  port: 6443,
  podCidr: '10.244.0.0/24',
  serviceCidr: '10.96.0.0/16',
  onShutdown: 'remove',
};

function profileRows(profiles) {
  return profiles.map((profile) => {
    const names = (hasNftables) => profile.entries({ ...settings, hasNftables }).map(({ plugin }) => plugin);
    const always = names(true).filter((name) => names(false).includes(name));
    const choices = [names(true), names(false)].map((list) => list.filter((name) => !always.includes(name)));
    const choice =
      choices[0].length === 0 ? '' : `; ${codes(choices[0])} where \`nft\` is present, else ${codes(choices[1])}`;
    return [code(profile.name), profile.description, `${codes(always)}${choice}`];
  });
}

function section(name, definition, profiles) {
  const users = profiles.filter((profile) =>
    [true, false].some((hasNftables) =>
      profile.entries({ ...settings, hasNftables }).some(({ plugin }) => plugin === name),
    ),
  );
  const rows = [
    ['provides', codes(ids(definition.provides))],
    ['requires', codes(ids(definition.requires))],
    ['optional', codes(ids(definition.optional))],
    ['hooks', codes(ids(definition.hooks))],
    ['swap', definition.swap],
    ['criticality', definition.criticality],
    ['configuration', definition.config === undefined ? 'none' : `[keys](configuration.md#${name})`],
    ['profiles', codes(users.map((profile) => profile.name))],
  ];
  return `## ${name}\n\n${sentence(definition.description)}\n\n${table(['', ''], rows)}`;
}

export async function pluginsPage() {
  const plugins = await shippedPlugins();
  const { profiles } = await load('cli/dist/profiles/index.js');
  return page(
    'Plugins',
    'What ships with Timonel. A profile names the plugins that `timonel up` starts; the others are there to be enabled.',
    '## Profiles',
    table(['profile', 'what it is', 'plugins'], profileRows(profiles)),
    ...[...plugins].map(([name, definition]) => section(name, definition, profiles)),
  );
}
