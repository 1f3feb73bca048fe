/** Makes haproxy serve a table: endpoints through the runtime socket, everything else through a reload. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { RoutingTable } from '../routing/model.ts';
import { ask, command, parseStatistics } from './admin.ts';
import { ConfigFiles } from './config-files.ts';
import { ConfigWriter, type Refused, type Written } from './config-writer.ts';
import { Master } from './master.ts';
import { Refusals } from './refusals.ts';
import type { RenderOptions, Rendered } from './render.ts';
import { withUpstream, type Section } from './sections.ts';
import { slotCommands, type Slots } from './slots.ts';

export interface EngineOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly program: string;
  readonly dataDir: string;
  /** A directory for sockets, whose paths must be short. */
  readonly socketDir: string;
  readonly render: Omit<RenderOptions, 'confinement'>;
  /** Nobody in an empty root, where it starts as root. */
  readonly confine: boolean;
  /** Between two reloads. */
  readonly reloadPauseMs: number;
}

export interface EngineStatus {
  readonly running: boolean;
  readonly reloads: number;
  readonly lastError: string | undefined;
  /** What haproxy does not take and is left out, by owner. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Changes that come together are one. */
const pauseMs = 10;
const retryMs = { base: 500, limit: 30_000 };
const bootMs = 10_000;
const retireMs = 2_000;
const watchMs = 1_000;

export class Engine {
  readonly #options: EngineOptions;
  readonly #files: ConfigFiles;
  readonly #writer: ConfigWriter;
  readonly #master: Master;
  /** By section. */
  #slots: ReadonlyMap<string, Slots> = new Map();
  /** Whether haproxy has its servers as the slots say. */
  #slotsHold = true;
  readonly #refusals = new Refusals();
  #table: RoutingTable | undefined;
  /** Whose routes haproxy has. */
  #served: RoutingTable | undefined;
  #structure = '';
  #socket: string | undefined;
  #running: Promise<void> | undefined;
  #dirty = false;
  #failures = 0;
  /** Ends the pause after a fault. */
  #wake = new AbortController();
  #reloadedMs = -Infinity;
  #status: EngineStatus = { running: false, reloads: 0, lastError: undefined, refused: new Map() };
  #sections: readonly Section[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#files = new ConfigFiles(options.dataDir);
    this.#writer = new ConfigWriter(options, this.#files);
    this.#master = new Master({
      env: options.env,
      program: options.program,
      configFile: this.#files.current,
      pidFile: join(options.dataDir, 'haproxy.pid'),
      logFile: join(options.dataDir, 'haproxy.log'),
    });
  }

  get status(): EngineStatus {
    return this.#status;
  }

  async start(): Promise<void> {
    if (await this.#master.adopt())
      this.#options.log.info({ pid: this.#master.pid }, 'haproxy runs already and is taken over');
    this.#options.env.timers.every(watchMs, () => void this.#watch());
  }

  /** Serves this from soon on. */
  update(table: RoutingTable): void {
    this.#table = table;
    this.#touch();
  }

  /** Resolves when all that it was told is served, or was refused. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** `keep`: it goes on to serve what it serves. */
  async stop(keep: boolean): Promise<void> {
    await this.#running;
    if (keep) return;
    await this.#master.stop();
    if (this.#socket !== undefined) await rm(this.#socket, { force: true });
    await this.#files.clear(undefined);
    this.#status = { ...this.#status, running: false };
  }

  /** Rows of its statistics with the upstreams of the backends. */
  async statistics(): Promise<readonly (Readonly<Record<string, string>> & { readonly upstream?: string })[]> {
    if (this.#socket === undefined) return [];
    const upstreams = new Map(this.#sections.map(({ name, upstream }) => [name, upstream?.id]));
    const rows = parseStatistics(await ask(this.#options.env, this.#socket, 'show stat -1 3 -1'));
    return rows.map((row) => {
      const upstream = upstreams.get(row['pxname'] ?? '');
      return upstream === undefined ? row : { ...row, upstream };
    });
  }

  #touch(): void {
    this.#dirty = true;
    this.#failures = 0;
    this.#wake.abort();
    if (!this.#options.signal.aborted) this.#running ??= this.#run();
  }

  async #watch(): Promise<void> {
    if (this.#running !== undefined || this.#table === undefined || !this.#status.running) return;
    if (await this.#master.alive()) return;
    this.#options.log.warn({}, 'haproxy has ended and is started anew');
    this.#status = { ...this.#status, running: false };
    this.#touch();
  }

  async #run(): Promise<void> {
    const { env, signal, log } = this.#options;
    const sleep = (ms: number, wake: AbortSignal = signal): Promise<void> =>
      env.timers.sleep(ms, AbortSignal.any([signal, wake])).catch(() => undefined);
    while (this.#dirty && !signal.aborted) {
      await sleep(pauseMs);
      if (signal.aborted) break;
      this.#dirty = false;
      try {
        await this.#apply();
        this.#failures = 0;
        const running = await this.#master.alive();
        this.#status = { ...this.#status, running, lastError: undefined, refused: this.#refusals.messages };
      } catch (error) {
        if (signal.aborted) break;
        this.#structure = '';
        this.#status = { ...this.#status, lastError: errorMessage(error) };
        log.error({ error: errorMessage(error) }, 'haproxy does not serve what it should; trying again');
        this.#dirty = true;
        this.#wake = new AbortController();
        await this.#keepMoving();
        await sleep(Math.min(retryMs.limit, retryMs.base * 2 ** Math.min(this.#failures++, 10)), this.#wake.signal);
      }
    }
    this.#running = undefined;
  }

  async #apply(): Promise<void> {
    const { env, signal, reloadPauseMs } = this.#options;
    const table = this.#table;
    if (table === undefined) return;
    if (table.routes === this.#served?.routes && table.listeners === this.#served.listeners && this.#structure !== '') {
      const sections = this.#sections.map((section) => withUpstream(section, table.upstreams));
      if (this.#haveRoom(sections) && (await this.#master.alive())) {
        await this.#moveServers(sections);
        return;
      }
    }
    const accepted = this.#refusals.without(table);
    const rendered = await this.#writer.render(accepted);
    if (await this.#runsAlready(rendered)) {
      this.#served = table;
      return;
    }
    const waitMs = this.#reloadedMs + reloadPauseMs - env.clock.monotonic();
    if (waitMs > 0) await env.timers.sleep(waitMs, signal);
    await this.#reload(await this.#written(accepted, rendered));
    this.#served = table;
    this.#reloadedMs = env.clock.monotonic();
  }

  /** Moves servers when nothing else has changed. */
  async #runsAlready(rendered: Rendered | Refused): Promise<boolean> {
    if ('refused' in rendered || structureOf(rendered) !== this.#structure) return false;
    if (!this.#haveRoom(rendered.sections) || !(await this.#master.alive())) return false;
    await this.#moveServers(rendered.sections);
    return true;
  }

  /** The configuration of the table, or else of what haproxy takes of it. @throws Error when it takes nothing */
  async #written(table: RoutingTable, rendered: Rendered | Refused): Promise<Written> {
    const { log, signal } = this.#options;
    const write = async (text: Rendered | Refused): Promise<Written | Refused> =>
      'refused' in text ? text : this.#writer.write(text, this.#slots);
    const first = await write(rendered);
    if (!('refused' in first)) return first;
    await this.#refusals.find(table, async (part) => {
      signal.throwIfAborted();
      await this.#keepMoving();
      const found = await write(await this.#writer.render(part));
      if ('refused' in found) return found.refused;
      await this.#files.remove(found.generation);
      return undefined;
    });
    log.warn(
      { refused: Object.fromEntries(this.#refusals.messages) },
      'haproxy refuses some objects: others are served',
    );
    const rest = await write(await this.#writer.render(this.#refusals.without(table)));
    if ('refused' in rest) throw new Error(`haproxy refuses its configuration: ${rest.refused}`);
    return rest;
  }

  #haveRoom(sections: readonly Section[]): boolean {
    return sections.every(
      ({ name, upstream }) => upstream === undefined || this.#slots.get(name)?.fits(upstream.endpoints),
    );
  }

  async #moveServers(sections: readonly Section[]): Promise<void> {
    const { env } = this.#options;
    this.#sections = sections;
    this.#slotsHold = false;
    const lines = sections.flatMap(({ name, upstream }) => {
      const changes = this.#slots.get(name)?.assign(upstream?.endpoints ?? []) ?? [];
      return changes.flatMap((change) => slotCommands(name, change));
    });
    if (lines.length > 0 && this.#socket !== undefined) await command(env, this.#socket, lines);
    this.#slotsHold = true;
  }

  /** The endpoints of what runs follow, also while something is refused. */
  async #keepMoving(): Promise<void> {
    const { log } = this.#options;
    const upstreams = this.#table?.upstreams;
    if (upstreams === undefined || this.#socket === undefined || !this.#slotsHold) return;
    const sections = this.#sections.map((section) => {
      const moved = withUpstream(section, upstreams);
      return this.#haveRoom([moved]) ? moved : section;
    });
    await this.#moveServers(sections).catch((error: unknown) => {
      log.debug({ error: errorMessage(error) }, 'endpoints could not be moved');
    });
  }

  async #reload({ rendered, generation, socket, slots }: Written): Promise<void> {
    await this.#files.accept();
    if (await this.#master.alive()) await this.#master.reload();
    else await this.#master.start();
    await this.#booted(socket);
    await this.#retire(this.#socket);
    this.#socket = socket;
    this.#sections = rendered.sections;
    this.#structure = structureOf(rendered);
    this.#slots = slots;
    this.#slotsHold = true;
    this.#status = { ...this.#status, reloads: this.#status.reloads + 1 };
    await this.#files.clear(generation);
  }

  /** Waits until the worker of this socket takes no more connections. */
  async #retire(socket: string | undefined): Promise<void> {
    if (socket === undefined) return;
    const { env } = this.#options;
    const untilMs = env.clock.monotonic() + retireMs;
    while (env.clock.monotonic() < untilMs) {
      const told = await ask(env, socket, 'show info').catch(() => 'Stopping: 1');
      if (told === '' || /^Stopping: 1/m.test(told)) break;
      await env.timers.sleep(pauseMs);
    }
    await rm(socket, { force: true });
  }

  /** Resolves when the worker of this socket serves. @throws Error with what haproxy says */
  async #booted(socket: string): Promise<void> {
    const { env, signal } = this.#options;
    const untilMs = env.clock.monotonic() + bootMs;
    for (;;) {
      const answer = await ask(env, socket, 'show version').catch(() => '');
      if (answer !== '') return;
      const complaint = await this.#master.complaint();
      const failed = complaint.includes('[ALERT]') || !(await this.#master.alive());
      if (failed || env.clock.monotonic() > untilMs) throw new Error(`haproxy does not start: ${complaint}`);
      await env.timers.sleep(pauseMs, signal);
    }
  }
}

/** All but the servers. */
function structureOf(rendered: Rendered): string {
  const sections = rendered.sections.map(({ name }) => name);
  return JSON.stringify({ ...rendered, files: [...rendered.files], sections });
}
