// The reference of the configuration: the file of `timonel up --config`, and the keys of every plugin from its zod schema.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { code, described, fence, page, table } from './markdown.mjs';
import { commentBefore, load, pluginSources, read, shippedPlugins } from './sources.mjs';

const fileKeys = {
  profile: 'as `--profile`',
  nodeName: 'as `--node-name`',
  listen: 'as `--listen`',
  podCidr: 'as `--pod-cidr`',
  serviceCidr: 'as `--service-cidr`',
  logLevel: 'as `--log-level`: `debug`, `info`, `warn`, `error`',
  onShutdown: 'as `--on-shutdown`: `remove` or `keep`',
  kernel: 'limits of the kernel, by [name](#limits-of-the-kernel)',
  plugins:
    'by name: `enabled` (default: true), `file` (for a plugin of your own: its path), `config` (its keys, see below)',
};

const example = `profile: all-in-one
listen: 127.0.0.1:6443
onShutdown: keep
kernel:
  startMs: 60000
plugins:
  scheduler-host:
    config:
      batchSize: 200
  controller-gc:
    enabled: false
  default-labels:
    file: ./examples/plugins/default-labels.ts
    config:
      labels:
        team: web
`;

// Where the meaning of keys is told elsewhere than in the plugin itself.
const profiles = ['sdk/src/scheduling/profiles/profile-config.ts'];
const ociSources = ['plugins/runtime-oci/src/config.ts'];
const moreSources = {
  'node-agent': ['plugins/node-agent/src/node/node-config.ts'],
  'runtime-crun': ociSources,
  'runtime-runc': ociSources,
  'store-raft': ['sdk/src/contracts/store/compaction-schedule.ts'],
  'scheduler-default': profiles,
  'scheduler-binpack': profiles,
  'scheduler-spread': profiles,
  'scheduler-gang': profiles,
};

// Of keys without a comment in their schema, or with that of another key of the same name.
const ociMeanings = {
  'openFilesLimit.soft': 'RLIMIT_NOFILE of containers. Both or none; none: that of the agent.',
  'openFilesLimit.hard': 'The hard limit.',
};

const moreMeanings = {
  'runtime-crun': ociMeanings,
  'runtime-runc': ociMeanings,
  apiserver: {
    'listen.address': 'Where the API listens.',
    'limits.bodyBytes': 'Largest body of a request; more is answered with 413.',
    'limits.connections': 'Open connections.',
    'timing.bookmarkPeriodMs': 'Time between two bookmarks of a watch that asked for them.',
    'timing.freshnessTimeoutMs': 'How long a read waits for the cache to reach the state of the store.',
  },
  'auth-token': {
    tokens: 'Tokens beside that of the administrator.',
    'tokens[].token': 'The bearer token: at least 16 characters.',
    'tokens[].username': 'Name of the user it stands for.',
    'tokens[].uid': 'User id.',
    'tokens[].groups': 'Groups of the user.',
  },
  'node-agent': {
    labels: 'Labels of the Node object.',
    heartbeatIntervalMs: 'Time between two renewals of the lease of the node.',
    statusIntervalMs: 'Time between two writes of an unchanged node status.',
    clusterDomain: 'Domain of the cluster in the name resolution of pods.',
    shutdownGraceMs: 'Grace period of containers when the process stops and removes them.',
    maxPods: 'Most pods on the node.',
  },
  'proxy-userspace': { minIntervalMs: 'Time between two changes of the listeners, at least, in ms.' },
  'runtime-fake': {
    stages: 'How containers of some images live; others run until they are stopped.',
    'stages[].exitCode': 'Exit code at the end.',
    nodePrefix: 'Names of the nodes: prefix and number.',
    nodeCapacity: 'Capacity of each node.',
    heartbeatIntervalMs: 'Time between two renewals of the lease of a node.',
    'usage.memoryBytes': 'Memory that each running container is said to use; made up.',
  },
  'runtime-linux': {
    'openFilesLimit.soft': 'RLIMIT_NOFILE of containers. Both or none; none: that of the agent.',
    'openFilesLimit.hard': 'The hard limit.',
  },
  'scheduler-gang': {
    'profiles[].plugins[].name': 'As in Kubernetes: `NodeResourcesFit`; or of a plugin that another one contributes.',
    'profiles[].plugins[].weight': "Of its scores; 0: they do not count. Default: the plugin's own.",
    queues: 'Pods of other queues, which are not there, are refused; the queue `default` is always there.',
    'queues[].name': 'What pods have in the label `scheduling.timonel.dev/queue`.',
    'queues[].quota.memory': 'The same of memory.',
  },
  'service-allocator': { 'nodePorts.first': 'First node port.', 'nodePorts.last': 'Last node port.' },
};

/** Asks the command itself which keys it knows, and whether the example is a valid file. */
async function knownFileKeys() {
  const { readConfigFile } = await load('cli/dist/cluster/config-file.js');
  const directory = mkdtempSync(join(tmpdir(), 'timonel-docs-'));
  const file = join(directory, 'timonel.yaml');
  try {
    writeFileSync(file, example);
    readConfigFile(file);
    writeFileSync(file, 'no-such-key: 1\n');
    try {
      readConfigFile(file);
    } catch (error) {
      const keys = /Known keys: (.*)\.$/.exec(error.message)?.[1];
      if (keys !== undefined) return keys.split(', ');
      throw error;
    }
    throw new Error('the configuration file takes unknown keys');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function typeOf(schema) {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array')
    return `list of ${schema.items?.properties === undefined ? typeOf(schema.items ?? {}) : 'objects'}`;
  if (schema.type === 'object') return `map of ${typeOf(schema.additionalProperties ?? {})}`;
  if (Array.isArray(schema.type)) return schema.type.join(' or ');
  return schema.type ?? 'anything';
}

function boundsOf(schema) {
  const low = schema.exclusiveMinimum === undefined ? schema.minimum : schema.exclusiveMinimum + 1;
  const high = schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined && low > Number.MIN_SAFE_INTEGER) return `, at least ${low}`;
  return high === undefined ? '' : `, at most ${high}`;
}

function defaultOf(path, schema, required) {
  if (schema.default === undefined) return required ? '(required)' : '–';
  // The only default that is a fact of the machine.
  if (path === 'nodeName' && schema.default === hostname().toLowerCase()) return "the host's name";
  return code(JSON.stringify(schema.default));
}

function rowsOf(schema, about, prefix = '') {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    const comment = about.more[path] ?? commentBefore(about.sources, `(?:readonly )?${key}\\??:`) ?? '';
    if (value.type === 'object' && value.properties !== undefined) return rowsOf(value, about, `${path}.`);
    const required = schema.required?.includes(key) ?? false;
    const row = [code(path), `${typeOf(value)}${boundsOf(value)}`, defaultOf(path, value, required), comment];
    const items =
      value.type === 'array' && value.items?.properties !== undefined ? rowsOf(value.items, about, `${path}[].`) : [];
    return [row, ...items];
  });
}

function section(name, definition) {
  const schema = z.toJSONSchema(definition.config, { io: 'input', unrepresentable: 'any' });
  const sources = [pluginSources(name), ...(moreSources[name] ?? []).map(read)].join('\n');
  return `## ${name}\n\n${table(['key', 'type', 'default', 'meaning'], rowsOf(schema, { sources, more: moreMeanings[name] ?? {} }))}`;
}

async function kernelLimits() {
  const { defaultLimits } = await load('core/dist/index.js');
  const sources = read('core/src/kernel/limits.ts');
  const told = {
    setupMs: '`setup` of a plugin.',
    startMs: '`start` of a plugin.',
    stopMs: '`stop` of a plugin.',
    faultWindowMs: 'The window in which faults are counted.',
    restartBackoffMaxMs: 'Longest pause before a restart.',
    probationProbeMs: 'Time between two probes in probation.',
  };
  return Object.entries(defaultLimits).map(([name, value]) => {
    const comment = commentBefore(sources, `${name}:`) ?? '';
    const meaning = comment === '' ? told[name] : comment;
    if (meaning === undefined) throw new Error(`scripts/docs: the limit ${name} of the kernel is not described`);
    return [code(name), value, meaning];
  });
}

export async function configurationPage() {
  const plugins = await shippedPlugins();
  const configured = [...plugins].filter(([, { config }]) => config !== undefined);
  const plain = [...plugins].filter(([, { config }]) => config === undefined).map(([name]) => code(name));
  const rows = described('keys of the configuration file', await knownFileKeys(), fileKeys);
  return page(
    'Configuration',
    'One YAML file for `timonel up --config FILE`. Every key is optional; an unknown key is refused by name. What is stronger wins: first the profile, then this file, then what was enabled and disabled on the running cluster, then the flags `--enable`, `--disable` and `--scheduler`. Other flags win over the key of the same name.',
    table(
      ['key', 'meaning'],
      rows.map(([key, meaning]) => [code(key), meaning]),
    ),
    fence('yaml', example),
    "The keys of a plugin's `config` are laid over those the profile gives, key by key at the first level. Paths of files are relative to the directory in which `timonel up` was started.",
    '## Limits of the kernel',
    'Times in ms. They hold for every plugin.',
    table(['key', 'default', 'meaning'], await kernelLimits()),
    '## Plugins without configuration',
    `${plain.join(', ')}.`,
    ...configured.map(([name, definition]) => section(name, definition)),
  );
}
