/** A cluster in this process: data directory, plugins, kernel, kubeconfig. */
import { mkdirSync, readFileSync } from 'node:fs';
import {
  createKernel,
  createRealEnv,
  type DesiredChange,
  type Kernel,
  type KernelLimits,
  type KernelProgress,
  type PluginEntry,
} from '@timonel/core';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { removeLeftTraces } from '@timonel/sdk/command';
import { nodes } from '@timonel/sdk/kube';
import type { Logger, StopReason } from '@timonel/sdk';
import { adminTokenFile } from '@timonel/plugin-auth-token';
import { CliError, exitCodes } from '../errors.ts';
import type { ClusterSettings, Profile } from '../profiles/profile.ts';
import type { ConfigFile } from './config-file.ts';
import { dataDirPaths, lockDataDir, makeDataDir, type DataDirPaths } from './data-dir.ts';
import { readDesiredState, writeDesiredState } from './desired-state.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { loadPluginFile } from './plugin-loader.ts';
import { provides, selectPlugins, type StoreChoice } from './selection.ts';
import { watchStrayErrors } from './stray-errors.ts';

const kubeconfigPeriodMs = 10_000;

export interface RunOptions {
  readonly dataDir: string;
  readonly kubeconfig: string | undefined;
  readonly profile: Profile;
  readonly settings: ClusterSettings;
  readonly configFile: ConfigFile;
  readonly enable: readonly string[];
  readonly disable: readonly string[];
  readonly scheduler: string | undefined;
  /** Absent: that of the profile. */
  readonly store?: StoreChoice | undefined;
  readonly log: Logger;
  onProgress(event: KernelProgress): void;
  onNotice(line: string): void;
}

export interface RunningCluster {
  readonly kernel: Kernel;
  readonly paths: DataDirPaths;
  /** Undefined: no API server in this process, a node only. */
  readonly kubeconfig: string | undefined;
  /** Undefined likewise. */
  readonly url: string | undefined;
  readonly api: ApiClient;
  /** Resolves with the error after which the cluster cannot go on: stop it then. */
  readonly failed: Promise<unknown>;
  /** Stops everything and frees the data directory. Resolves with what did not stop cleanly. */
  stop(reason?: StopReason): Promise<readonly string[]>;
}

function rememberer(
  paths: DataDirPaths,
  sourceOf: (plugin: string) => string,
): (change: DesiredChange) => Promise<void> {
  let chain: Promise<void> = Promise.resolve();
  return (change) => {
    chain = chain.then(async () => {
      const state = readDesiredState(paths.desiredState);
      if (change.kind === 'swap') {
        for (const plugin of [change.from, change.to]) {
          const enabled = plugin === change.to;
          state.plugins[plugin] = { ...state.plugins[plugin], source: sourceOf(plugin), enabled };
        }
      } else {
        state.plugins[change.plugin] = {
          enabled: change.kind === 'enable',
          source: change.source,
          ...(change.config === undefined ? {} : { config: change.config }),
        };
      }
      await writeDesiredState(paths.desiredState, state);
    });
    return chain;
  };
}

function definedLimits(given: NonNullable<ConfigFile['kernel']>): Partial<KernelLimits> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

interface ServedApi {
  readonly url: string;
  readonly kubeconfig: string;
}

/** Writes the kubeconfig of the API that this process serves. Undefined: it serves none. */
function publishApi(kernel: Kernel, kubeconfig: string, paths: DataDirPaths): ServedApi | undefined {
  if (kernel.control.providerOf(apiEndpoint.id) === undefined) return undefined;
  const endpoint = kernel.service(apiEndpoint);
  const url = endpoint.url();
  writeKubeconfig(kubeconfig, {
    server: url,
    caCertificate: endpoint.caCertificate(),
    token: readFileSync(adminTokenFile(paths.pluginData('auth-token')), 'utf8').trim(),
  });
  return { url, kubeconfig };
}

/** The kubeconfig has the authorities of now also after one of them was replaced. Answers the function that ends it. */
function followAuthorities(kernel: Kernel, kubeconfig: string, paths: DataDirPaths, log: Logger): () => void {
  const endpoint = kernel.service(apiEndpoint);
  let written = endpoint.caCertificate();
  const timer = createRealEnv().timers.every(kubeconfigPeriodMs, () => {
    try {
      if (endpoint.caCertificate() === written) return;
      publishApi(kernel, kubeconfig, paths);
      written = endpoint.caCertificate();
    } catch (error) {
      log.debug({ error: (error as Error).message }, 'the kubeconfig was not brought up to date');
    }
  });
  return () => timer.cancel();
}

/** Starts a cluster. @throws CliError, KernelError */
export async function runCluster(options: RunOptions): Promise<RunningCluster> {
  const paths = dataDirPaths(options.dataDir);
  makeDataDir(paths.root);
  const unlock = await lockDataDir(paths);
  try {
    const selection = await selectPlugins({
      ...options,
      desired: readDesiredState(paths.desiredState),
      pluginCache: paths.pluginCache,
    });
    for (const { file, error } of selection.unloadable) {
      options.onNotice(`${file} is enabled but cannot be loaded: ${(error as Error).message}`);
    }
    const bundles = new Map<string, string>();
    const known = (entry: PluginEntry): PluginEntry => {
      if (entry.moduleUrl !== undefined) bundles.set(entry.moduleUrl, entry.definition.name);
      return entry;
    };
    for (const entry of [...selection.plugins, ...selection.available]) known(entry);
    const kernel: Kernel = createKernel({
      env: createRealEnv(),
      log: options.log,
      plugins: selection.plugins,
      available: selection.available,
      limits: definedLimits(options.configFile.kernel ?? {}),
      loadPlugin: async (file: string): Promise<PluginEntry> => known(await loadPluginFile(file, paths.pluginCache)),
      dataDirOf: (plugin: string): string => {
        const directory = paths.pluginData(plugin);
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        return directory;
      },
      onDesiredChange: rememberer(paths, (plugin) => kernel.control.info(plugin).source),
      onProgress: (event) => options.onProgress(event),
    });
    const stray = watchStrayErrors(kernel, bundles, options.log);
    await kernel.start();
    // A proxy removes what another left, when it serves; here is none.
    if (!selection.plugins.some(({ definition }) => provides(definition, serviceProxy.id)))
      await removeLeftTraces(paths.pluginsData, serviceProxy.id).catch((error: unknown) =>
        options.onNotice(`What a service proxy left on this machine cannot be removed: ${(error as Error).message}`),
      );
    let served: ServedApi | undefined;
    let stopFollowing = (): void => undefined;
    try {
      const kubeconfig = options.kubeconfig ?? paths.kubeconfig;
      served = publishApi(kernel, kubeconfig, paths);
      if (served !== undefined) stopFollowing = followAuthorities(kernel, kubeconfig, paths, options.log);
    } catch (error) {
      await kernel.stop('failure');
      throw error;
    }
    return {
      kernel,
      paths,
      kubeconfig: served?.kubeconfig,
      url: served?.url,
      api: kernel.service(apiClient),
      failed: Promise.race([kernel.failed, stray.fatal]),
      stop: async (reason = 'shutdown') => {
        stopFollowing();
        const report = await kernel.stop(reason);
        await unlock();
        stray.stop();
        return report.problems.map((problem) => `${problem.plugin}: ${problem.message}`);
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Resolves when the node reports Ready. @throws CliError after the deadline, with the node's own reason. */
export async function nodeReady(api: ApiClient, nodeName: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  let last = 'it has not registered';
  try {
    for await (const event of api.watch(nodes, { fieldSelector: `metadata.name=${nodeName}`, signal })) {
      const ready = event.object.status?.conditions?.find((condition) => condition.type === 'Ready');
      if (ready?.status === 'True') return;
      if (ready !== undefined) last = ready.message ?? ready.reason ?? 'no reason given';
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new CliError(
    `Node ${nodeName} is not Ready after ${timeoutMs / 1000} s: ${last}. \`timonel plugin list\` and \`timonel doctor\` tell more.`,
    exitCodes.failure,
  );
}
