/** An API of leases and namespaces for several candidates, each with a line of its own that can fail in every way. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

/** How requests of one candidate fare. */
export interface Line {
  /** Nothing comes through: refused at once. */
  down: boolean;
  /** Requests arrive and are carried out; their answers never come. */
  mute: boolean;
  /** How long a request takes to arrive, in ms. */
  delayMs: number;
  /** How long its answer takes to come back, in ms. */
  answerDelayMs: number;
}

export function soundLine(): Line {
  return { down: false, mute: false, delayMs: 0, answerDelayMs: 0 };
}

export class LeaseApi {
  readonly #env: Env;
  readonly objects = new Map<string, KubeObject>();
  #revision = 1;

  constructor(env: Env) {
    this.#env = env;
  }

  makeNamespace(name: string): void {
    this.#put('namespaces', { metadata: { name } });
  }

  get lease(): KubeObject | undefined {
    return this.objects.get('leases/kube-system/l');
  }

  client(line: Line): ApiClient {
    const over = <T>(work: () => T): Promise<T> => this.#over(line, work);
    const client: Partial<ApiClient> = {
      get: <T extends KubeObject>(type: ResourceType<T>, name: { namespace?: string | undefined; name: string }) =>
        over(() => {
          const found = this.objects.get(keyOf(type.resource, { metadata: name }));
          if (found === undefined) throw new ApiError('NotFound', 'it is not there');
          return found as T;
        }),
      create: <T extends KubeObject>(type: ResourceType<T>, object: T) => over(() => this.#create(type, object)),
      update: <T extends KubeObject>(type: ResourceType<T>, object: T) => over(() => this.#update(type, object)),
    };
    return client as ApiClient;
  }

  async #over<T>(line: Line, work: () => T): Promise<T> {
    if (line.down) throw new ApiError('ServiceUnavailable', 'the line is down');
    if (line.delayMs > 0) await this.#env.timers.sleep(line.delayMs);
    const result = work();
    if (line.answerDelayMs > 0) await this.#env.timers.sleep(line.answerDelayMs);
    if (line.mute) await new Promise(() => undefined);
    return result;
  }

  #create<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const { namespace } = object.metadata;
    if (namespace !== undefined && !this.objects.has(`namespaces//${namespace}`)) {
      throw new ApiError('NotFound', `namespaces "${namespace}" not found`);
    }
    if (this.objects.has(keyOf(type.resource, object))) throw new ApiError('AlreadyExists', 'it is there');
    return this.#put(type.resource, object);
  }

  #update<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const current = this.objects.get(keyOf(type.resource, object));
    if (current === undefined) throw new ApiError('NotFound', 'it is not there');
    if (current.metadata.resourceVersion !== object.metadata.resourceVersion) {
      throw new ApiError('Conflict', 'somebody wrote since');
    }
    return this.#put(type.resource, object);
  }

  #put<T extends KubeObject>(resource: string, object: T): T {
    this.#revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    const stored = structuredClone({ ...object, metadata });
    this.objects.set(keyOf(resource, object), stored);
    return stored;
  }
}

function keyOf(
  resource: string,
  { metadata }: { metadata: { namespace?: string | undefined; name?: string | undefined } },
): string {
  return `${resource}/${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}
