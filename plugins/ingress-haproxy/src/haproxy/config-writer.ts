/** Makes configurations of tables, and asks haproxy whether it takes them. */
import { join } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { run } from '@timonel/sdk/command';
import type { RoutingTable } from '../routing/model.ts';
import type { ConfigFiles } from './config-files.ts';
import type { EngineOptions } from './engine.ts';
import { complaintOf } from './refusals.ts';
import { render, type Rendered, type RenderOptions } from './render.ts';
import { Slots } from './slots.ts';

/** A configuration that haproxy takes. */
export interface Written {
  readonly rendered: Rendered;
  readonly generation: string;
  readonly socket: string;
  /** By section. */
  readonly slots: ReadonlyMap<string, Slots>;
}

/** What is wrong with a table. */
export interface Refused {
  readonly refused: string;
}

const nobody = 65_534;

export class ConfigWriter {
  readonly #options: EngineOptions;
  readonly #files: ConfigFiles;
  #generation = 0;

  constructor(options: EngineOptions, files: ConfigFiles) {
    this.#options = options;
    this.#files = files;
  }

  async render(table: RoutingTable): Promise<Rendered | Refused> {
    const options = { ...this.#options.render, confinement: await this.#confinement() };
    try {
      return render(table, options);
    } catch (error) {
      return { refused: errorMessage(error) };
    }
  }

  /** `slots`: of what runs. @throws Error when it cannot be found out whether haproxy takes it */
  async write(rendered: Rendered, slots: ReadonlyMap<string, Slots>): Promise<Written | Refused> {
    const { env, program, socketDir } = this.#options;
    const generation = `${env.clock.now().toString(36)}-${++this.#generation}`;
    const socket = join(socketDir, `${this.#generation}-${env.random.int(1e9).toString(36)}.sock`);
    const next = new Map<string, Slots>();
    const file = await this.#files.write(generation, rendered, socket, ({ name, upstream }) => {
      if (upstream === undefined) return [];
      const made = new Slots(slots.get(name)?.all.length ?? 0);
      made.reset(upstream.endpoints);
      next.set(name, made);
      return made.all;
    });
    const { status, stderr } = await run(program, ['-c', '-f', file]);
    if (status === 0) return { rendered, generation, socket, slots: next };
    await this.#files.remove(generation);
    if (status < 0) throw new Error('haproxy was ended while it checked its configuration');
    return { refused: complaintOf(stderr) };
  }

  async #confinement(): Promise<RenderOptions['confinement']> {
    return this.#options.confine ? { root: await this.#files.emptyRoot(), uid: nobody, gid: nobody } : undefined;
  }
}
