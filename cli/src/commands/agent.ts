import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import {
  authorityName,
  certificateFile,
  identityNames,
  keyFile,
  readCertificate,
  readCertificateFile,
} from '@timonel/sdk/pki';
import { isIP } from 'node:net';
import { defaultName, ownAddress } from '../cluster/addresses.ts';
import { pkiDirectory, readClusterState, writeClusterState, type AgentState } from '../cluster/cluster-state.ts';
import { readConfigFile, type ConfigFile } from '../cluster/config-file.ts';
import { dataDirPaths, defaultDataDir, instanceId, nodeNameOf } from '../cluster/data-dir.ts';
import { hasProgram, isRoot } from '../cluster/host.ts';
import { joinAsAgent, originOf, parseServers, requireToken } from '../cluster/joining.ts';
import { nodeReady, type RunningCluster } from '../cluster/run-cluster.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatMs } from '../output/table.ts';
import { agentProfile } from '../profiles/agent.ts';
import { checkLengths, checkNodeAddress, hasIpv6Alone, nodeRange } from '../profiles/family-ranges.ts';
import type { ClusterSettings } from '../profiles/profile.ts';
import { becomeMember } from './become-member.ts';
import { notice, printer, runInForeground, type Print } from './foreground.ts';
import { disableOption, enableOption, logLevelOption } from './run-options.ts';

interface AgentFlags {
  server?: string;
  token?: string;
  dataDir?: string;
  nodeName?: string;
  nodeAddress?: string;
  podCidr?: string;
  config?: string;
  enable: string[];
  disable: string[];
  onShutdown?: 'remove' | 'keep';
  logLevel?: string;
  quiet?: boolean;
}

/** Nothing is wrong with a node whose servers are away: it is told, and goes on. */
const readyTimeoutMs = 60_000;

function addressOf(flags: AgentFlags, before: AgentState | undefined): string {
  const given = flags.nodeAddress;
  if (given !== undefined && isIP(given) === 0) {
    throw new CliError(`--node-address ${given} is not an IP address.`, exitCodes.usage);
  }
  if (given !== undefined) return given;
  // The machine's own first one is of IPv4.
  if (before !== undefined && hasIpv6Alone(before.clusterCidr)) return before.nodeAddress;
  return ownAddress() ?? before?.nodeAddress ?? '';
}

function checkFlags(flags: AgentFlags, nodeName: string): void {
  const [problem] = dnsSubdomainProblems(nodeName);
  if (problem !== undefined) throw new CliError(`--node-name ${nodeName}: ${problem}.`, exitCodes.usage);
  if (flags.podCidr !== undefined) checkLengths(nodeRange, flags.podCidr);
}

/** True when the servers cannot know this node by its certificate any more. */
async function hasExpired(dataDir: string): Promise<boolean> {
  const pem = await readCertificateFile(pkiDirectory(dataDir), identityNames.node);
  return pem === undefined || readCertificate(pem).notAfter < Date.now();
}

/** A node that has joined already takes new addresses of servers, and nothing else. @throws CliError */
async function restart(
  flags: AgentFlags,
  dataDir: string,
  before: AgentState,
  nodeAddress: string,
  signal: AbortSignal,
): Promise<AgentState> {
  const given = flags.server === undefined ? [] : parseServers('--server', flags.server);
  const servers = [...new Set([...given, ...before.servers])].slice(0, 16);
  const text = flags.token ?? process.env['TIMONEL_JOIN_TOKEN'];
  const asked = text === undefined ? undefined : { dataDir, servers, ...requireToken(text), notice, signal };
  const origin = asked === undefined ? undefined : await originOf(dataDir, asked);
  if (origin === 'other') {
    throw new CliError(
      `${dataDir} belongs to another cluster already: choose another with --data-dir.`,
      exitCodes.usage,
    );
  }
  if (flags.nodeName !== undefined && flags.nodeName !== before.nodeName) {
    throw new CliError(
      `This node has joined as ${before.nodeName}, which is in its certificate: leave out --node-name, or choose another --data-dir and join again.`,
      exitCodes.usage,
    );
  }
  const isOver = await hasExpired(dataDir);
  if (asked !== undefined && (isOver || origin === 'successor')) {
    const { nodeName, podCidr } = before;
    return joinAsAgent(asked, { nodeName, nodeAddress, podCidr });
  }
  if (isOver) {
    notice(
      "This node's certificate has expired (or its clock is wrong): its pods go on, but no server lets it in. Join again with --token.",
    );
  }
  checkNodeAddress(before.clusterCidr, nodeAddress);
  const state: AgentState = { ...before, nodeAddress, servers };
  await writeClusterState(dataDir, state);
  return state;
}

async function becomeAgent(
  flags: AgentFlags,
  file: ConfigFile,
  dataDir: string,
  signal: AbortSignal,
): Promise<AgentState> {
  const before = readClusterState(dataDir) as AgentState | undefined;
  const nodeAddress = addressOf(flags, before);
  if (before !== undefined) return restart(flags, dataDir, before, nodeAddress, signal);
  if (flags.server === undefined) {
    throw new CliError(
      'This machine is part of no cluster yet: give --server https://HOST:PORT and --token.',
      exitCodes.usage,
    );
  }
  const servers = parseServers('--server', flags.server);
  const { token, tokenText } = requireToken(flags.token ?? process.env['TIMONEL_JOIN_TOKEN']);
  const nodeName = nodeNameOf(dataDirPaths(dataDir), flags.nodeName ?? file.nodeName, defaultName());
  checkFlags(flags, nodeName);
  return joinAsAgent(
    { dataDir, servers, token, tokenText, notice, signal },
    { nodeName, nodeAddress, podCidr: flags.podCidr },
  );
}

function settingsOf(flags: AgentFlags, file: ConfigFile, state: AgentState, dataDir: string): ClusterSettings {
  const directory = pkiDirectory(dataDir);
  return {
    instance: instanceId(dataDir),
    nodeName: state.nodeName,
    address: '',
    port: 0,
    podCidr: state.podCidr,
    clusterCidr: state.clusterCidr,
    serviceCidr: state.serviceCidr,
    onShutdown: flags.onShutdown ?? file.onShutdown ?? 'keep',
    hasNftables: hasProgram('nft'),
    servers: state.servers,
    nodeAddress: state.nodeAddress,
    pkiDirectory: directory,
    pki: {
      caFile: certificateFile(directory, authorityName),
      certFile: certificateFile(directory, identityNames.node),
      keyFile: keyFile(directory, identityNames.node),
    },
  };
}

/** Says when the node is Ready; does not stop the agent when it is not: the servers may be away. */
function watchReady(cluster: RunningCluster, nodeName: string, began: number, print: Print): void {
  nodeReady(cluster.api, nodeName, readyTimeoutMs).then(
    () => print(`Node ${nodeName} is Ready after ${formatMs(performance.now() - began)}.`),
    () =>
      notice(`Node ${nodeName} is not Ready yet: no server answers, or see ${cluster.paths.log}. The agent goes on.`),
  );
}

async function agent(flags: AgentFlags): Promise<void> {
  const began = performance.now();
  const print = printer(flags.quiet);
  if (!isRoot()) {
    throw new CliError(
      'An agent makes routes to the pods of other machines, for which it must run as root: try `sudo timonel agent`. A cluster of one machine needs no root: `timonel up`.',
      exitCodes.usage,
    );
  }
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
  const dataDir = resolve(flags.dataDir ?? defaultDataDir());
  const { state, stopping } = await becomeMember(dataDir, 'agent', (stopped) =>
    becomeAgent(flags, file, dataDir, stopped),
  );
  await runInForeground({
    run: {
      dataDir,
      kubeconfig: undefined,
      profile: agentProfile,
      settings: settingsOf(flags, file, state, dataDir),
      configFile: file,
      enable: flags.enable,
      disable: flags.disable,
      scheduler: undefined,
    },
    title: `Timonel agent ${state.nodeName}, data in ${dataDir}`,
    logLevel: flags.logLevel ?? file.logLevel ?? 'info',
    stopping,
    print,
    notice,
    ready: (cluster) => {
      print('');
      print(`Agent of node ${state.nodeName} runs, pods have addresses of ${state.podCidr}.`);
      print(`API servers: ${state.servers.join(', ')}`);
      print(`Log:         ${cluster.paths.log}`);
      print('Ctrl-C stops the agent.');
      watchReady(cluster, state.nodeName, began, print);
      return Promise.resolve();
    },
  });
}

export function addAgent(program: Command): void {
  program
    .command('agent')
    .description('Run this machine as a node of a cluster whose servers run elsewhere')
    .option('--server <urls>', 'servers of the cluster, with commas between them; needed at the first start')
    .option('--token <token>', 'the join token; better in TIMONEL_JOIN_TOKEN, where other users do not see it')
    .option('--data-dir <dir>', 'where the agent keeps everything (default: /var/lib/timonel for root)')
    .option('--node-name <name>', "the node's name (default: the host name)")
    .option('--node-address <address>', 'how servers reach the node (default: that of the default route)')
    .option('--pod-cidr <cidr>', 'addresses of the pods of this node, where the servers allocate none')
    .option('--config <file>', 'YAML file with settings, and the configuration of plugins')
    .addOption(enableOption())
    .addOption(disableOption())
    .addOption(
      new Option('--on-shutdown <what>', 'what happens to containers when the agent stops (default: keep)').choices([
        'remove',
        'keep',
      ]),
    )
    .addOption(logLevelOption())
    .option('-q, --quiet', 'print problems only')
    .addHelpText(
      'after',
      `
Examples:
  timonel agent --server https://10.0.0.1:6443 --token tml1.…
  timonel agent --server https://10.0.0.1:6443,https://10.0.0.2:6443   # token in TIMONEL_JOIN_TOKEN
  timonel agent                                      # later starts need neither`,
    )
    .action(agent);
}
