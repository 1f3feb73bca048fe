/** Programs that know credentials: `docker-credential-NAME get`. */
import { spawn } from 'node:child_process';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { defaultPath } from '@timonel/sdk/command';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import { BoundedMap } from '../bounded-map.ts';
import type { RegistryConfig } from '../config.ts';
import { shown } from '../failure.ts';

const outputLimitBytes = 64 * 1024;
/** What a helper said holds for so long: layers of one image do not each ask. */
const keptMs = 60_000;
/** That it failed, for so long. */
const keptFailureMs = 5000;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export interface HelperParts {
  readonly env: Env;
  readonly log: Logger;
  readonly config: Pick<RegistryConfig, 'helperTimeoutMs'>;
}

interface Kept {
  readonly answer: Promise<RegistryCredentials | undefined>;
  until: number;
}

export class CredentialHelpers {
  readonly #parts: HelperParts;
  readonly #kept = new BoundedMap<string, Kept>(256);
  /** What ends each helper that runs. */
  readonly #running = new Set<(why: string) => void>();

  constructor(parts: HelperParts) {
    this.#parts = parts;
  }

  /** Undefined: it has none, or fails. Never rejects. */
  get(name: string, server: string, registry: string): Promise<RegistryCredentials | undefined> {
    const key = JSON.stringify([name, server]);
    const now = this.#parts.env.clock.monotonic();
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > now) return kept.answer;
    const answer = this.#ask(name, server, registry).catch((error: unknown) => {
      made.until = this.#parts.env.clock.monotonic() + keptFailureMs;
      this.#parts.log.warn({ helper: shown(name), server, error: errorMessage(error) }, 'a credential helper failed');
      return undefined;
    });
    const made: Kept = { answer, until: now + keptMs };
    this.#kept.set(key, made);
    return answer;
  }

  close(): void {
    for (const end of this.#running) end('was ended with the client of registries');
  }

  async #ask(name: string, server: string, registry: string): Promise<RegistryCredentials | undefined> {
    if (!namePattern.test(name)) throw new Error('this is not the name of a credential helper');
    const program = `docker-credential-${name}`;
    const { status, output } = await runBounded(program, server, this.#parts, this.#running);
    if (status !== 0) {
      if (/credentials not found/i.test(output)) return undefined;
      throw new Error(`${program} ended with status ${status}: ${shown(output)}`);
    }
    return parse(output, program, registry);
  }
}

function parse(output: string, program: string, registry: string): RegistryCredentials {
  let answer: { Username?: unknown; Secret?: unknown } | null;
  try {
    answer = JSON.parse(output) as typeof answer;
  } catch {
    throw new Error(`${program} printed something that is not JSON`);
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw new Error(`${program} printed no Username and Secret`);
  }
  return username === '<token>' ? { registry, identityToken: secret } : { registry, username, password: secret };
}

/** Its standard output; the program and what it started are ended at the limits. */
function runBounded(
  program: string,
  input: string,
  { env, config }: HelperParts,
  running: Set<(why: string) => void>,
): Promise<{ status: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, PATH: defaultPath() },
      detached: true,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (why: string): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by now.
      }
      child.stdout.destroy();
      reject(new Error(`${program} ${why}`));
    };
    running.add(end);
    const timer = env.timers.after(config.helperTimeoutMs, () => end(`took longer than ${config.helperTimeoutMs} ms`));
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > outputLimitBytes) end(`printed more than ${outputLimitBytes} bytes`);
      else chunks.push(chunk);
    });
    const settle = (): void => {
      timer.cancel();
      running.delete(end);
    };
    child.on('error', (error) => {
      settle();
      reject(new Error(`${program} cannot be run: ${error.message}`));
    });
    child.on('close', (status) => {
      settle();
      resolve({ status: status ?? -1, output: Buffer.concat(chunks).toString('utf8') });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${input}\n`);
  });
}
