/** Watches the directory where plugins put their registration sockets, and brings those of one type into use. */
import { watch, type FSWatcher } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorMessage, type Env, type Logger, type TimerHandle } from '../kernel/index.ts';
import { GrpcClient } from '../grpc/index.ts';
import { getInfo, notifyStatus, type PluginInfo } from './registration.ts';

export interface PluginHandler {
  /** Sockets of other types are left alone: they are for others who watch the directory. */
  readonly type: string;
  /** `endpoint` is filled in. @throws what the plugin is told, and what makes it be tried again */
  register(plugin: PluginInfo): Promise<void>;
  /** Its registration socket is gone, or another. */
  deregister(plugin: PluginInfo): void;
}

export interface PluginWatcherOptions {
  /** `/var/lib/kubelet/plugins_registry`. Made when it is absent. */
  readonly directory: string;
  readonly env: Env;
  readonly log: Logger;
  readonly handler: PluginHandler;
}

const rescanMs = 5000;
const callMs = 10_000;
const retryMs = { first: 500, most: 120_000 };
/** A directory with more is not looked at beyond. */
const socketsLimit = 200;

interface Known {
  /** Of the socket's inode: a socket that is made anew is another plugin. */
  readonly identity: string;
  plugin: PluginInfo | undefined;
  /** Of another type: nothing to do with it. */
  isForeign: boolean;
  isTried: boolean;
  retryAt: number;
  delayMs: number;
}

function newlyKnown(identity: string, now: number): Known {
  return { identity, plugin: undefined, isForeign: false, isTried: false, retryAt: now, delayMs: retryMs.first };
}

export class PluginWatcher {
  readonly #options: PluginWatcherOptions;
  readonly #known = new Map<string, Known>();
  readonly #tries = new Set<Promise<void>>();
  #watcher: FSWatcher | undefined;
  #timer: TimerHandle | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: PluginWatcherOptions) {
    this.#options = options;
  }

  /** @throws Error when the directory cannot be made */
  async start(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o750 });
    this.#watch();
    this.#scan();
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#timer?.cancel();
    await this.#scanning;
    await Promise.all(this.#tries);
  }

  /** Only makes it quicker: the scans go on by the clock, also where the machine has no more watches to give. */
  #watch(): void {
    const { directory, log } = this.#options;
    try {
      this.#watcher = watch(directory, () => this.#scan());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch (error) {
      log.warn({ directory, error: errorMessage(error) }, 'registrations of plugins are seen late');
    }
  }

  #scan(): void {
    if (this.#closed) return;
    if (this.#scanning !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#scanning = this.#look()
      .catch((error: unknown) => {
        const { directory, log } = this.#options;
        log.warn({ directory, error: errorMessage(error) }, 'registrations of plugins cannot be looked at');
      })
      .finally(() => {
        this.#scanning = undefined;
        if (this.#again) {
          this.#again = false;
          this.#scan();
        } else if (!this.#closed) {
          this.#timer = this.#options.env.timers.after(this.#pauseMs(), () => this.#scan());
        }
      });
  }

  #pauseMs(): number {
    const now = this.#options.env.clock.monotonic();
    const waits = [...this.#known.values()]
      .filter(({ plugin, isForeign, isTried }) => plugin === undefined && !isForeign && !isTried)
      .map(({ retryAt }) => Math.max(1, retryAt - now));
    return Math.min(rescanMs, ...waits);
  }

  async #look(): Promise<void> {
    const sockets = await socketsIn(this.#options.directory);
    for (const [path, known] of this.#known) {
      if (sockets.get(path) === known.identity) continue;
      this.#known.delete(path);
      if (known.plugin !== undefined) this.#options.handler.deregister(known.plugin);
    }
    const now = this.#options.env.clock.monotonic();
    for (const [path, identity] of sockets) {
      const known = this.#known.get(path) ?? newlyKnown(identity, now);
      this.#known.set(path, known);
      if (known.plugin === undefined && !known.isForeign && known.retryAt <= now) this.#begin(path, known);
    }
  }

  /** One that does not answer keeps no other waiting. */
  #begin(socket: string, known: Known): void {
    if (known.isTried) return;
    known.isTried = true;
    const trying = this.#try(socket, known).finally(() => {
      known.isTried = false;
      this.#tries.delete(trying);
      this.#scan();
    });
    this.#tries.add(trying);
  }

  async #try(socket: string, known: Known): Promise<void> {
    const { env, handler, log } = this.#options;
    const client = new GrpcClient({ socket, env, messageLimitBytes: 64 * 1024 });
    try {
      const info = await client.call(getInfo, {}, callMs);
      known.isForeign = info.type !== handler.type;
      if (known.isForeign) return;
      const plugin = { ...info, endpoint: info.endpoint === '' ? socket : info.endpoint };
      await this.#register(client, plugin);
      known.plugin = plugin;
      // The socket is gone, or another, by now.
      if (this.#known.get(socket) !== known) handler.deregister(plugin);
      log.info({ plugin: info.name, type: info.type, endpoint: plugin.endpoint }, 'plugin registered');
    } catch (error) {
      known.retryAt = env.clock.monotonic() + known.delayMs;
      known.delayMs = Math.min(known.delayMs * 2, retryMs.most);
      log.warn({ socket: basename(socket), error: errorMessage(error) }, 'plugin not registered, will retry');
    } finally {
      client.close();
    }
  }

  async #register(client: GrpcClient, plugin: PluginInfo): Promise<void> {
    const { handler, log } = this.#options;
    try {
      if (plugin.name === '') throw new Error('the plugin does not say its name');
      const twin = [...this.#known.values()].find((other) => other.plugin?.name === plugin.name)?.plugin;
      // An update of the plugin: the newer one serves.
      if (twin !== undefined && twin.endpoint !== plugin.endpoint) handler.deregister(twin);
      await handler.register(plugin);
    } catch (error) {
      await client.call(notifyStatus, { pluginRegistered: false, error: errorMessage(error) }, callMs);
      throw error;
    }
    // It is in use, whether it hears of it or not.
    await client.call(notifyStatus, { pluginRegistered: true, error: '' }, callMs).catch((error: unknown) => {
      log.debug({ plugin: plugin.name, error: errorMessage(error) }, 'plugin not told that it is registered');
    });
  }
}

/** By path: what tells one socket from another that is made in its place. */
async function socketsIn(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isSocket() || entry.name.startsWith('.') || entry.name.endsWith('~') || found.size >= socketsLimit)
      continue;
    const path = join(directory, entry.name);
    const stat = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stat !== undefined) found.set(path, `${stat.ino}:${stat.ctimeNs}`);
  }
  return found;
}
