import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createRealEnv } from '@timonel/core';
import { namespaces } from '@timonel/sdk/kube';
import { formatPlace } from '../cluster/addresses.ts';
import { readClusterState, writeClusterState, type ServerState } from '../cluster/cluster-state.ts';
import { readConfigFile, type ConfigFile } from '../cluster/config-file.ts';
import { defaultDataDir } from '../cluster/data-dir.ts';
import { joinAsServer, keepServerCertificates, originOf, parseServers, requireToken } from '../cluster/joining.ts';
import type { RunningCluster } from '../cluster/run-cluster.ts';
import {
  listenDefault,
  peerNamesOf,
  peerPortDefault,
  planServer,
  serverSettings,
  type ServerPlanFlags,
} from '../cluster/server-plan.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatMs } from '../output/table.ts';
import type { ClusterSettings } from '../profiles/profile.ts';
import { serverProfile } from '../profiles/server.ts';
import { becomeMember } from './become-member.ts';
import { notice, printer, runInForeground, type Print } from './foreground.ts';
import { disableOption, enableOption, logLevelOption } from './run-options.ts';

const majorityNoticeMs = 5000;
const answerPollMs = 250;

interface ServerFlags extends ServerPlanFlags {
  dataDir?: string;
  join?: string;
  token?: string;
  kubeconfig?: string;
  config?: string;
  enable: string[];
  disable: string[];
  scheduler?: string;
  logLevel?: string;
  quiet?: boolean;
}

/** Forms or joins a cluster when this directory is part of none yet. @throws CliError */
async function becomeServer(
  flags: ServerFlags,
  file: ConfigFile,
  dataDir: string,
  signal: AbortSignal,
): Promise<ServerState> {
  const before = readClusterState(dataDir) as ServerState | undefined;
  const planned = planServer(flags, file, before);
  if (flags.join === undefined) {
    if (before?.phase === 'joining') {
      throw new CliError(
        'This server began to join a cluster and did not get through: start it again with --join and --token.',
        exitCodes.usage,
      );
    }
    await writeClusterState(dataDir, planned);
    return planned;
  }
  const servers = parseServers('--join', flags.join);
  if (before !== undefined && before.phase !== 'joining') {
    const text = flags.token ?? process.env['TIMONEL_JOIN_TOKEN'];
    const asked = text === undefined ? undefined : { dataDir, servers, ...requireToken(text), notice, signal };
    const origin = asked === undefined ? 'own' : await originOf(dataDir, asked);
    if (origin === 'other') {
      throw new CliError(
        `${dataDir} belongs to another cluster already: choose another with --data-dir.`,
        exitCodes.usage,
      );
    }
    if (asked !== undefined && origin === 'successor') {
      notice('The cluster has another authority by now: this server joins again as the same member.');
      return joinAsServer(asked, planned);
    }
    notice('This server is part of the cluster already: --join is not needed any more.');
    await writeClusterState(dataDir, planned);
    return planned;
  }
  for (const option of ['clusterCidr', 'serviceCidr'] as const) {
    if (flags[option] !== undefined) {
      throw new CliError(
        'The address ranges come from the cluster: leave out --cluster-cidr and --service-cidr.',
        exitCodes.usage,
      );
    }
  }
  const { token, tokenText } = requireToken(flags.token ?? process.env['TIMONEL_JOIN_TOKEN']);
  return joinAsServer({ dataDir, servers, token, tokenText, notice, signal }, planned);
}

/** Resolves when the API answers, which it does while a majority of the servers is there. */
async function answering(cluster: RunningCluster, signal: AbortSignal): Promise<void> {
  const { timers, clock } = createRealEnv();
  const told = clock.monotonic() + majorityNoticeMs;
  let silent = true;
  while (!signal.aborted) {
    try {
      await cluster.api.list(namespaces, { limit: 1 });
      return;
    } catch {
      if (silent && clock.monotonic() > told) {
        notice('The API does not answer yet: a majority of the servers must be up. Start the others; this one waits.');
        silent = false;
      }
      await timers.sleep(answerPollMs, signal).catch(() => undefined);
    }
  }
}

function printReady(cluster: RunningCluster, settings: ClusterSettings, ms: number, print: Print): void {
  const url = settings.server?.url ?? '';
  const dataDir = cluster.paths.root === defaultDataDir() ? '' : ` --data-dir ${cluster.paths.root}`;
  print('');
  print(`Server ${settings.nodeName} is Ready after ${formatMs(ms)}.`);
  print(`API server:  ${url}`);
  print(`Kubeconfig:  ${cluster.kubeconfig}`);
  print(`Log:         ${cluster.paths.log}`);
  print('');
  print('Add a server: make a token here, then run the second line there.');
  print(`  timonel token create --role server${dataDir}`);
  print(`  timonel server --join ${url} --token TOKEN`);
  print('Add a node: make a token here, then run the second line there.');
  print(`  timonel token create --role agent${dataDir}`);
  print(`  timonel agent --server ${url} --token TOKEN`);
  print('Ctrl-C stops this server.');
}

async function server(flags: ServerFlags): Promise<void> {
  const began = performance.now();
  const print = printer(flags.quiet);
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
  const dataDir = resolve(flags.dataDir ?? defaultDataDir());
  const { state, stopping, stopped } = await becomeMember(dataDir, 'server', async (aborted) => {
    const became = await becomeServer(flags, file, dataDir, aborted);
    await keepServerCertificates(dataDir, became, peerNamesOf(became));
    return became;
  });
  const settings = serverSettings(state, dataDir);
  await runInForeground({
    run: {
      dataDir,
      kubeconfig: flags.kubeconfig === undefined ? undefined : resolve(flags.kubeconfig),
      profile: serverProfile,
      settings,
      configFile: file,
      enable: flags.enable,
      disable: flags.disable,
      scheduler: flags.scheduler,
    },
    title: `Timonel server ${state.name} (${state.phase === 'joined' ? 'joined' : 'formed'} the cluster), data in ${dataDir}`,
    logLevel: flags.logLevel ?? file.logLevel ?? 'info',
    stopping,
    print,
    notice,
    async ready(cluster) {
      await answering(cluster, stopped);
      if (!stopped.aborted) printReady(cluster, settings, performance.now() - began, print);
    },
  });
}

export function addServer(program: Command): void {
  program
    .command('server')
    .description('Run a control plane that other servers and nodes can join')
    .option('--data-dir <dir>', 'where the server keeps everything (default: /var/lib/timonel for root)')
    .option('--name <name>', "the server's name (default: that of the last start, at first the host name)")
    .option('--listen <address:port>', `where the API listens (default: ${formatPlace(listenDefault)})`)
    .option('--advertise <address>', 'how the other machines reach this one (default: that of the default route)')
    .option(
      '--advertise-address <address>',
      'IP address at which pods reach this one (default: that of --advertise, if it is a name that of the default route)',
    )
    .option(
      '--peer-listen <address:port>',
      `where the other servers' stores connect (default: port ${peerPortDefault} of the advertised address)`,
    )
    .option(
      '--cluster-cidr <cidr>',
      'addresses of the pods of all nodes, with a comma one range of each family (default: 10.244.0.0/16)',
    )
    .option('--service-cidr <cidr>', 'addresses of services, as those of pods (default: 10.96.0.0/16)')
    .option('--join <urls>', 'join the cluster of these servers, at the first start')
    .option('--token <token>', 'the join token; better in TIMONEL_JOIN_TOKEN, where other users do not see it')
    .option('--kubeconfig <file>', 'where to write the kubeconfig (default: <data-dir>/kubeconfig)')
    .option('--config <file>', 'YAML file with settings, and the configuration of plugins')
    .addOption(enableOption())
    .addOption(disableOption())
    .option('--scheduler <name>', 'the scheduler to use, for example binpack')
    .addOption(logLevelOption())
    .option('-q, --quiet', 'print problems only')
    .addHelpText(
      'after',
      `
Examples:
  timonel server                                     # the first server forms a cluster
  timonel token create --role server                 # there, for the second one:
  timonel server --join https://10.0.0.1:6443 --token tml1.…
  timonel server                                     # later starts need no --join
  timonel server --data-dir /tmp/s1 --listen 127.0.0.1:7443 --peer-listen 127.0.0.1:7380`,
    )
    .action(server);
}
