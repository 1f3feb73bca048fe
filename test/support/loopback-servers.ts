/** Servers and agents of one cluster on loopback, each a process with a data directory that has its name. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { Background } from './background.ts';
import { ClusterClient, type ClusterAnswer } from './cluster-client.ts';
import { outputOf, timonel } from './cluster.ts';

/** Where a server listens. */
export async function freePlaces(): Promise<string[]> {
  return ['--listen', `127.0.0.1:${await freePort()}`, '--peer-listen', `127.0.0.1:${await freePort()}`];
}

export class LoopbackServers {
  readonly #directory = mkdtempSync(join(tmpdir(), 'timonel-servers-'));
  readonly #running = new Map<string, Background>();

  /** A file of a member, or one beside their directories. */
  at(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }

  /** Also again, on the data that it has. */
  start(verb: 'server' | 'agent', name: string, ...args: string[]): Background {
    const started = new Background([verb, '--data-dir', this.at(name), ...args]);
    this.#running.set(name, started);
    return started;
  }

  /** Resolves with its address when it is ready. */
  async server(name: string, ...args: string[]): Promise<string> {
    const places = await freePlaces();
    await this.start('server', name, '--name', name, ...places, ...args).says('is Ready after');
    return `https://${places[1]}`;
  }

  running(name: string): Background {
    const found = this.#running.get(name);
    if (found === undefined) throw new Error(`${name} was never started`);
    return found;
  }

  /** What the command prints on the data of a server. @throws Error when it fails */
  async run(on: string, ...args: string[]): Promise<string> {
    return outputOf(await timonel([...args, '--data-dir', this.at(on)]), `timonel ${args.join(' ')}`).trim();
  }

  token(on: string, role: 'server' | 'agent'): Promise<string> {
    return this.run(on, 'token', 'create', '--role', role);
  }

  /** One request of the administrator, by a connection of its own. */
  send(to: string, method: string, path: string, body?: unknown): Promise<ClusterAnswer> {
    return ClusterClient.once(this.at(to, 'kubeconfig'), (client) => client.send(method, path, body));
  }

  /** Who came last goes first: agents say to a server that they go. */
  async dispose(): Promise<void> {
    for (const each of [...this.#running.values()].toReversed()) await each.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
