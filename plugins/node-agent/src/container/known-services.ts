/** The Services of the cluster, for the environment of containers: followed by a watch; while the API is away, as they were last. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { Informer, type ControllerHost } from '@timonel/sdk/controller';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { services, type Pod, type Service } from '@timonel/sdk/kube';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { apiServerService, knownService, serviceVariables, type KnownService } from './service-env.ts';

export interface KnownServicesParts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  /** Where they are kept for the next agent. */
  readonly file: string;
}

const port = z.object({ name: z.string().exactOptional(), protocol: z.string().exactOptional(), port: z.int() });
const service = z.object({ namespace: z.string(), name: z.string(), clusterIP: z.string(), ports: z.array(port) });
const schema = z.object({ version: z.literal(1), services: z.array(service) });

/** A start waits this long for the first list before it goes on with what was known. */
const firstListMs = 3000;
/** Many changes make one file. */
const writeDelayMs = 5000;

export class KnownServices {
  readonly #parts: KnownServicesParts;
  readonly #informer: Informer<Service>;
  /** Of a former agent; undefined: there was none. */
  readonly #former: readonly KnownService[] | undefined;
  #timer: TimerHandle | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: KnownServicesParts, former: readonly KnownService[] | undefined) {
    this.#parts = parts;
    this.#former = former;
    const byNamespace = ({ metadata }: Service): string[] => [metadata.namespace ?? ''];
    this.#informer = new Informer(parts.host, parts.api, services, { indexes: { namespace: byNamespace } });
  }

  static async open(parts: KnownServicesParts): Promise<KnownServices> {
    return new KnownServices(parts, await formerServices(parts));
  }

  start(): void {
    const changed = (): void => this.#touch();
    this.#informer.addHandler({ added: changed, updated: changed, deleted: changed });
    this.#informer.start();
    // The first at once, and also when there are none: the agent may be killed, and start again without the API.
    void this.#informer.synced.then(
      () => this.#write(),
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
    if (this.#timer !== undefined) this.#write();
    await this.#writing;
  }

  /** @throws ConfigError when they were never read */
  async variables(pod: Pod): Promise<ReadonlyMap<string, string>> {
    if (!this.#informer.hasSynced) await this.#firstList();
    const known = this.#informer.hasSynced ? this.#near(pod) : this.#former;
    if (known !== undefined) return serviceVariables(pod, known);
    throw new ConfigError('services have not yet been read at least once, cannot construct envvars');
  }

  /** Those that may concern the pod. */
  #near({ metadata: { namespace = '' } }: Pod): KnownService[] {
    const own = this.#informer.byIndex('namespace', namespace);
    const apiServer = this.#informer.get(apiServerService);
    return [...own, ...(apiServer === undefined ? [] : [apiServer])].flatMap((each) => knownService(each) ?? []);
  }

  /** Without anything to go by instead a failed try is not the end of it. */
  async #firstList(): Promise<void> {
    const { tried, synced } = this.#informer;
    const listed = this.#former === undefined ? synced.catch(() => undefined) : tried;
    let timer: TimerHandle | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#parts.env.timers.after(firstListMs, resolve);
    });
    await Promise.race([listed, late]);
    timer?.cancel();
  }

  #touch(): void {
    this.#timer ??= this.#parts.env.timers.after(writeDelayMs, () => this.#write());
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#informer.hasSynced) return;
    const { file, log } = this.#parts;
    const all = this.#informer.list().flatMap((each) => knownService(each) ?? []);
    const text = `${JSON.stringify({ version: 1, services: all })}\n`;
    this.#writing = this.#writing
      .then(() => writeFileAtomically(file, text, 0o600))
      .catch((error: unknown) => log.warn({ file, error: errorMessage(error) }, 'the services were not kept'));
  }
}

async function formerServices({ file, log }: KnownServicesParts): Promise<readonly KnownService[] | undefined> {
  try {
    const text = await readFileIfThere(file);
    return text === undefined ? undefined : schema.parse(JSON.parse(text)).services;
  } catch (error) {
    log.warn({ file, error: errorMessage(error) }, 'the kept services are damaged: waiting for the API instead');
    return undefined;
  }
}
