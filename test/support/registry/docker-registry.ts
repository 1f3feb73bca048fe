/** A real registry: the program of Debian's package `docker-registry`, on loopback. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { Daemon } from '../daemon.ts';

/** Why tests with a registry cannot run here; undefined when they can. */
export const registryMissing: string | undefined =
  spawnSync('docker-registry', ['--version']).status === 0
    ? undefined
    : 'the command docker-registry is missing: apt-get install -y --no-install-recommends docker-registry';

export interface RegistryOptions {
  /** Who may use it, by name and password; default: everybody. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Who gives tokens for it; in place of `auth`. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    /** PEM file with the certificate that tokens are signed with. */
    readonly certFile: string;
  };
  /** PEM files; default: plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** bcrypt, which the registry demands, by the C library's function of that name. */
function htpasswdLine(user: string, password: string): string {
  const program = 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))';
  const { stdout } = spawnSync('perl', ['-e', program, password], { encoding: 'utf8' });
  if (!stdout.startsWith('$2y$')) throw new Error('perl made no bcrypt hash');
  return `${user}:${stdout}\n`;
}

async function writeConfig(directory: string, port: number, { auth, token, tls }: RegistryOptions): Promise<string> {
  const lines = [
    'version: 0.1',
    'log: { level: warn }',
    `storage: { filesystem: { rootdirectory: ${join(directory, 'data')} }, delete: { enabled: true } }`,
    `http: { addr: '127.0.0.1:${port}'${tls === undefined ? '' : `, tls: { certificate: ${tls.certFile}, key: ${tls.keyFile} }`} }`,
  ];
  if (auth !== undefined) {
    const file = join(directory, 'htpasswd');
    await writeFile(file, htpasswdLine(auth.user, auth.password));
    lines.push(`auth: { htpasswd: { realm: test, path: ${file} } }`);
  }
  if (token !== undefined) {
    const { realm, service, issuer, certFile } = token;
    lines.push(
      `auth: { token: { realm: '${realm}', service: ${service}, issuer: ${issuer}, rootcertbundle: ${certFile} } }`,
    );
  }
  const file = join(directory, 'config.yml');
  await mkdir(join(directory, 'data'));
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

export class DockerRegistry {
  /** `127.0.0.1:PORT`, as names of images begin. */
  readonly host: string;
  /** Removed with the registry; what it stores lies in `data`. */
  readonly directory: string;
  readonly #daemon: Daemon;

  constructor(host: string, directory: string, configFile: string) {
    this.host = host;
    this.directory = directory;
    this.#daemon = new Daemon('docker-registry', ['serve', configFile], { OTEL_TRACES_EXPORTER: 'none' });
  }

  /** What it has written. */
  get log(): string {
    return this.#daemon.log;
  }

  /** Starts the process, also again after {@link halt}, and waits until it listens. */
  async run(): Promise<void> {
    this.#daemon.start();
    await this.#daemon.listening(Number(this.host.split(':')[1]));
  }

  /** Ends the process; its data stay. */
  async halt(): Promise<void> {
    await this.#daemon.stop();
  }

  /** Ends the process and removes its data. May be called twice. */
  async stop(): Promise<void> {
    await this.halt();
    await rm(this.directory, { recursive: true, force: true });
  }
}

const startTries = 5;

/** Starts a registry with a directory of its own. Another process may take the port meanwhile: then at another. */
export async function startRegistry(options: RegistryOptions = {}): Promise<DockerRegistry> {
  if (registryMissing !== undefined) throw new Error(registryMissing);
  for (let tries = 1; ; tries++) {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-registry-'));
    const port = await freePort();
    const registry = new DockerRegistry(`127.0.0.1:${port}`, directory, await writeConfig(directory, port, options));
    try {
      await registry.run();
      return registry;
    } catch (error) {
      await registry.stop();
      if (tries === startTries || !String(error).includes('address already in use')) throw error;
    }
  }
}
