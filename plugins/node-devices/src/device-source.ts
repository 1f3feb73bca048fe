/** One device plugin: the devices of one resource, as it tells them. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { GrpcClient, type GrpcMethod } from '@timonel/sdk/grpc';
import { calls, type PluginOptions } from './messages.ts';

export interface DeviceSourceOptions {
  readonly resource: string;
  readonly socket: string;
  readonly env: Env;
  readonly log: Logger;
  readonly timeoutMs: number;
  changed(): void;
}

const devicesLimit = 10_000;
const idLimit = 1024;

export class DeviceSource {
  readonly resource: string;
  readonly socket: string;
  readonly #options: DeviceSourceOptions;
  readonly #client: GrpcClient;
  /** Whether each is healthy, by id. */
  #devices: ReadonlyMap<string, boolean> = new Map();
  #abilities: PluginOptions = { preStartRequired: false, getPreferredAllocationAvailable: false };
  #cancel: (() => void) | undefined;
  #endedAt: number | undefined;
  #closed = false;

  constructor(options: DeviceSourceOptions) {
    this.resource = options.resource;
    this.socket = options.socket;
    this.#options = options;
    const { socket, env } = options;
    this.#client = new GrpcClient({ socket, env, callsLimit: 100, messageLimitBytes: 4 * 1024 * 1024 });
  }

  /** Follows the plugin's list until it ends. @throws Error when the plugin does not answer */
  async open(): Promise<void> {
    this.#abilities = await this.#client.call(calls.options, {}, this.#options.timeoutMs);
    const cancel = await this.#client.stream(
      calls.listAndWatch,
      {},
      {
        message: ({ devices }) => this.#listed(devices),
        end: (error) => this.#ended(error),
      },
    );
    this.#cancel = cancel;
    if (this.#closed) cancel();
  }

  get total(): number {
    return this.#devices.size;
  }

  /** Ids, sorted. None while the plugin is away. */
  get healthy(): readonly string[] {
    if (this.#endedAt !== undefined) return [];
    return [...this.#devices].filter(([, isHealthy]) => isHealthy).map(([id]) => id);
  }

  /** On the monotonic clock. Undefined: it is there. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  get abilities(): PluginOptions {
    return this.#abilities;
  }

  call<Request extends object, Answer>(method: GrpcMethod<Request, Answer>, request: Request): Promise<Answer> {
    return this.#client.call(method, request, this.#options.timeoutMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#client.close();
    this.#endedAt ??= this.#options.env.clock.monotonic();
  }

  #listed(devices: readonly { readonly ID: string; readonly health: string }[]): void {
    const { log } = this.#options;
    const usable = devices.filter(({ ID }) => ID !== '' && ID.length <= idLimit);
    if (usable.length > devicesLimit || usable.length < devices.length) {
      log.warn(
        { resource: this.resource, devices: devices.length, limit: devicesLimit },
        'devices without a usable id, or above the limit, are left out',
      );
    }
    const kept = usable.slice(0, devicesLimit).map(({ ID, health }) => [ID, health === 'Healthy'] as const);
    this.#devices = new Map(kept.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    this.#options.changed();
  }

  #ended(error: unknown): void {
    this.#endedAt = this.#options.env.clock.monotonic();
    if (this.#closed) return;
    const { log } = this.#options;
    log.warn({ resource: this.resource, error: error === undefined ? '' : errorMessage(error) }, 'device plugin left');
    this.#options.changed();
  }
}
