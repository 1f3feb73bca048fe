import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { nearest } from '@timonel/sdk';
import { defaultName, formatPlace, parsePlace, type Place } from '../cluster/addresses.ts';
import { refuseRole } from '../cluster/cluster-state.ts';
import { readConfigFile, type ConfigFile } from '../cluster/config-file.ts';
import { dataDirPaths, defaultDataDir, instanceId, makeDataDir, nodeNameOf } from '../cluster/data-dir.ts';
import { hasProgram, isRoot } from '../cluster/host.ts';
import { nodeReady, type RunningCluster } from '../cluster/run-cluster.ts';
import type { StoreChoice } from '../cluster/selection.ts';
import { runDemo } from '../demo/web.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatMs } from '../output/table.ts';
import { allInOne } from '../profiles/all-in-one.ts';
import { checkFamilyRanges } from '../profiles/family-ranges.ts';
import { profiles } from '../profiles/index.ts';
import type { ClusterSettings, Profile } from '../profiles/profile.ts';
import { handedOver } from '../rootless/handed-over.ts';
import { Inner } from '../rootless/inner.ts';
import { optionalParts, rootlessProblem } from '../rootless/requirements.ts';
import { supervise } from '../rootless/supervise.ts';
import { notice, printer, runInForeground, stopRequested } from './foreground.ts';
import { disableOption, enableOption, logLevelOption } from './run-options.ts';

interface UpFlags {
  dataDir?: string;
  listen?: string;
  kubeconfig?: string;
  profile?: string;
  config?: string;
  nodeName?: string;
  podCidr?: string;
  serviceCidr?: string;
  enable: string[];
  disable: string[];
  scheduler?: string;
  store?: string;
  etcdEndpoints?: string;
  etcdCa?: string;
  etcdCert?: string;
  etcdKey?: string;
  onShutdown?: 'remove' | 'keep';
  logLevel?: string;
  demo?: boolean;
  quiet?: boolean;
}

const listenDefault = { address: '127.0.0.1', port: 6443 };
const defaultListen = formatPlace(listenDefault);

/** Containers of an ordinary user need namespaces that it may not be able to make. */
function profileName(given: string | undefined): string {
  if (isRoot() || (given !== undefined && given !== allInOne.name)) return given ?? allInOne.name;
  const problem = rootlessProblem();
  if (problem === undefined) return allInOne.name;
  if (given !== undefined) {
    throw new CliError(`The profile ${given} needs root, or namespaces of an ordinary user, but ${problem}.`);
  }
  notice(
    `Not root, and no namespaces for an ordinary user (${problem}): pods will run as plain processes WITHOUT ISOLATION (profile all-in-one-process). \`timonel doctor\` tells more.`,
  );
  return 'all-in-one-process';
}

function chooseProfile(wanted: string): Profile {
  const profile = profiles.find((candidate) => candidate.name === wanted);
  if (profile !== undefined) return profile;
  const names = profiles.map((candidate) => candidate.name);
  const near = nearest(wanted, names);
  throw new CliError(
    `There is no profile "${wanted}". ${near === undefined ? `Profiles: ${names.join(', ')}.` : `Did you mean "${near}"?`}`,
    exitCodes.usage,
  );
}

function listenOf(flags: UpFlags, file: ConfigFile): Place {
  return parsePlace('--listen', flags.listen ?? file.listen ?? defaultListen, listenDefault);
}

function settingsOf(flags: UpFlags, file: ConfigFile, dataDir: string): ClusterSettings {
  const { address, port } = listenOf(flags, file);
  const podCidr = flags.podCidr ?? file.podCidr ?? '10.244.0.0/24';
  const serviceCidr = flags.serviceCidr ?? file.serviceCidr ?? '10.96.0.0/16';
  checkFamilyRanges(podCidr, serviceCidr);
  const rootless = handedOver();
  return {
    ...(rootless === undefined ? {} : { rootless: { tunnelSocket: rootless.tunnelSocket } }),
    instance: instanceId(dataDir),
    nodeName: nodeNameOf(dataDirPaths(dataDir), flags.nodeName ?? file.nodeName, defaultName()),
    address,
    port: rootless?.port ?? port,
    podCidr,
    serviceCidr,
    onShutdown: flags.onShutdown ?? file.onShutdown ?? 'remove',
    hasNftables: hasProgram('nft'),
    pkiDirectory: join(dataDirPaths(dataDir).pluginData('apiserver'), 'pki'),
  };
}

/** The machine's ports lead here. */
async function openInner({ address, port }: ClusterSettings): Promise<Inner> {
  const inner = new Inner({ address, port });
  await inner.open();
  return inner;
}

function storeOf(flags: UpFlags): StoreChoice | undefined {
  const { etcdEndpoints, etcdCa, etcdCert, etcdKey } = flags;
  const etcd = [etcdEndpoints, etcdCa, etcdCert, etcdKey].some((value) => value !== undefined);
  if (!etcd) return flags.store === undefined ? undefined : { name: flags.store };
  if (flags.store !== 'etcd' && flags.store !== 'store-etcd') {
    throw new CliError('--etcd-endpoints, --etcd-ca, --etcd-cert and --etcd-key need --store etcd.', exitCodes.usage);
  }
  const files = { caFile: etcdCa, certFile: etcdCert, keyFile: etcdKey };
  const given = Object.entries(files).flatMap(([name, path]) => (path === undefined ? [] : [[name, resolve(path)]]));
  return {
    name: flags.store,
    config: {
      ...(etcdEndpoints === undefined ? {} : { endpoints: etcdEndpoints.split(',').map((url) => url.trim()) }),
      ...(given.length === 0 ? {} : { tls: Object.fromEntries(given) as Record<string, string> }),
    },
  };
}

function printReady(cluster: RunningCluster, what: string, ms: number, print: (line: string) => void): void {
  print('');
  print(`${what} is Ready after ${formatMs(ms)}.`);
  if (cluster.url !== undefined) print(`API server:  ${cluster.url}`);
  if (cluster.kubeconfig !== undefined) print(`Kubeconfig:  ${cluster.kubeconfig}`);
  print(`Log:         ${cluster.paths.log}`);
  print('');
  if (cluster.kubeconfig !== undefined) {
    print('Next steps, in another terminal:');
    print(`  export KUBECONFIG=${cluster.kubeconfig}`);
    print('  kubectl get nodes');
    print('  timonel plugin list');
  }
  print('Ctrl-C stops the cluster.');
}

async function up(flags: UpFlags): Promise<void> {
  const began = performance.now();
  const print = printer(flags.quiet);
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
  const dataDir = resolve(flags.dataDir ?? defaultDataDir());
  const profile = chooseProfile(profileName(flags.profile ?? file.profile));
  makeDataDir(dataDir);
  refuseRole(dataDir, 'up');
  if (profile === allInOne && !isRoot()) {
    print('Rootless: the node runs in namespaces of this user.');
    for (const { ok, detail } of optionalParts()) if (!ok) print(`  - ${detail}`);
    await supervise({ dataDir, listen: listenOf(flags, file), notice });
    return;
  }
  const settings = settingsOf(flags, file, dataDir);
  const stopping = stopRequested();
  const inner = settings.rootless === undefined ? undefined : await openInner(settings);
  await runInForeground({
    run: {
      dataDir,
      kubeconfig: flags.kubeconfig === undefined ? undefined : resolve(flags.kubeconfig),
      profile,
      settings,
      configFile: file,
      enable: flags.enable,
      disable: flags.disable,
      scheduler: flags.scheduler,
      store: storeOf(flags),
    },
    title: `Timonel, profile ${profile.name}, data in ${dataDir}`,
    logLevel: flags.logLevel ?? file.logLevel ?? 'info',
    stopping,
    print,
    notice,
    async ready(cluster) {
      const hasAgent = cluster.kernel.control
        .list()
        .some((plugin) => plugin.name === 'node-agent' && plugin.state === 'running');
      if (hasAgent) await nodeReady(cluster.api, settings.nodeName, 30_000);
      if (hasAgent) await inner?.followNodePorts(cluster.api, settings.nodeName);
      const what = hasAgent ? `Node ${settings.nodeName}` : 'The control plane';
      printReady(cluster, what, performance.now() - began, print);
      if (flags.demo === true) await runDemo(cluster.api, print, inner !== undefined);
    },
  });
}

export function addUp(program: Command): void {
  program
    .command('up')
    .description('Run a cluster in this process')
    .option(
      '--data-dir <dir>',
      'where the cluster keeps everything (default: /var/lib/timonel for root, else ~/.local/share/timonel)',
    )
    .option('--listen <address:port>', `where the API listens (default: ${defaultListen})`)
    .option('--kubeconfig <file>', 'where to write the kubeconfig (default: <data-dir>/kubeconfig)')
    .option('--profile <name>', `which plugins run: ${profiles.map((profile) => profile.name).join(', ')}`)
    .option('--config <file>', 'YAML file with the same settings, and the configuration of plugins')
    .option('--node-name <name>', "the node's name (default: that of the last start, at first the host name)")
    .option('--pod-cidr <cidr>', 'addresses of pods, with a comma one range of each family (default: 10.244.0.0/24)')
    .option('--service-cidr <cidr>', 'addresses of services, as those of pods (default: 10.96.0.0/16)')
    .addOption(enableOption())
    .addOption(disableOption())
    .option('--scheduler <name>', 'the scheduler to use, for example binpack')
    .option('--store <name>', "the store instead of the profile's: raft, memory or etcd")
    .option('--etcd-endpoints <urls>', 'client URLs of the etcd members, with commas between them')
    .option('--etcd-ca <file>', "PEM file of the authority of etcd's certificates")
    .option('--etcd-cert <file>', 'PEM file of the client certificate for etcd')
    .option('--etcd-key <file>', "PEM file of that certificate's key")
    .addOption(
      new Option('--on-shutdown <what>', 'what happens to containers when the cluster stops (default: remove)').choices(
        ['remove', 'keep'],
      ),
    )
    .addOption(logLevelOption())
    .option('--demo', 'apply examples/web and show how requests are spread')
    .option('-q, --quiet', 'print problems only')
    .addHelpText(
      'after',
      `
Without root the cluster runs in namespaces of the user: \`timonel doctor\` says what that lacks here.

Examples:
  timonel up                                         # a cluster on this machine, Ctrl-C stops it
  timonel up --data-dir /tmp/t1 --listen 127.0.0.1:7443
  timonel up --scheduler binpack --disable controller-gc
  timonel up --pod-cidr 10.244.0.0/24,fd00:10:244::/64 --service-cidr 10.96.0.0/16,fd00:10:96::/112
  timonel up --pod-cidr fd00:10:244::/56 --service-cidr fd00:10:96::/108   # IPv6 alone
  timonel up --store etcd --etcd-endpoints https://10.0.0.1:2379,https://10.0.0.2:2379 \\
    --etcd-ca ca.pem --etcd-cert client.pem --etcd-key client-key.pem
  timonel up --enable ./examples/plugins/deny-latest.ts`,
    )
    .action(up);
}
