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
  servers: ['https://10.0.0.1:6443'],
  pki: { caFile: 'ca.crt', certFile: 'node.crt', keyFile: 'node.key' },
  pkiDirectory: 'pki',
  server: { name: 'server', peer: {} },
};

const entriesOf = (profile, hasNftables) => profile.entries({ ...settings, hasNftables });

function profileRows(profiles) {
  return profiles.map((profile) => {
    const names = (hasNftables) =>
      entriesOf(profile, hasNftables)
        .filter(({ enabled }) => enabled !== false)
        .map(({ plugin }) => plugin);
    const asked = entriesOf(profile, true).filter(({ enabled }) => enabled === false);
    const always = names(true).filter((name) => names(false).includes(name));
    const choices = [names(true), names(false)].map((list) => list.filter((name) => !always.includes(name)));
    const choice =
      choices[0].length === 0 ? '' : `; ${codes(choices[0])} where \`nft\` is present, else ${codes(choices[1])}`;
    const onRequest = asked.length === 0 ? '' : `; when it is enabled: ${codes(asked.map(({ plugin }) => plugin))}`;
    return [code(profile.name), profile.description, `${codes(always)}${choice}${onRequest}`];
  });
}

function section(name, definition, profiles) {
  const users = profiles.filter((profile) =>
    [true, false].some((hasNftables) => entriesOf(profile, hasNftables).some(({ plugin }) => plugin === name)),
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
  const { profiles: ofUp } = await load('cli/dist/profiles/index.js');
  const { serverProfile } = await load('cli/dist/profiles/server.js');
  const { agentProfile } = await load('cli/dist/profiles/agent.js');
  const profiles = [...ofUp, serverProfile, agentProfile];
  return page(
    'Plugins',
    'What ships with Timonel. A profile names the plugins that a process starts: `timonel server` has the profile `server`, `timonel agent` has `agent`, and `timonel up` one of the others (`--profile`). Plugins of no profile are there to be enabled.',
    '## Profiles',
    table(['profile', 'what it is', 'plugins'], profileRows(profiles)),
    ...[...plugins].map(([name, definition]) => section(name, definition, profiles)),
  );
}
