/** An API client whose connection has faults: it breaks after the n-th write, shows changes late, or loses its watches. */
import type { ApiClient, ApiWatchOptions, WatchEvent } from '@timonel/sdk/contracts/api';
import { ApiError, coreEvents, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

export interface ConnectionFaults {
  /** After this many writes every call fails, the answer to the last write included. */
  readonly crashAfterWrites?: number;
  /** Changes are shown so much later, each one. */
  readonly watchDelayMs?: number;
  /** Each watch breaks with 410 after so many events: what happens until the next list is seen in sum only. */
  readonly expireAfterEvents?: number;
  /** Of every so many writes one is carried out and then said to have timed out. The process lives on. */
  readonly loseAnswerOfEach?: number;
}

export interface FaultyApi {
  readonly client: ApiClient;
  /** Writes that were carried out or refused, but for events: those are written apart from the work. */
  readonly writes: () => number;
  /** The same, with events. */
  readonly attempts: () => number;
  readonly crashed: () => boolean;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const never = Number.POSITIVE_INFINITY;

export function faultyApi(inner: ApiClient, faults: ConnectionFaults, onWrite: () => void = () => {}): FaultyApi {
  let writes = 0;
  let attempts = 0;
  const dead = (): boolean => writes >= (faults.crashAfterWrites ?? never);
  const refuse = (): never => {
    throw new ApiError('ServiceUnavailable', 'the connection is lost');
  };
  const read = async <T>(call: () => Promise<T>): Promise<T> => {
    if (dead()) refuse();
    const answer = await call();
    return dead() ? refuse() : answer;
  };
  const write = async <T>(type: ResourceType, call: () => Promise<T>): Promise<T> => {
    if (dead()) refuse();
    attempts += 1;
    if (type.resource !== coreEvents.resource) {
      writes += 1;
      onWrite();
    }
    const number = writes;
    const answer = await call();
    if (dead()) refuse();
    const { loseAnswerOfEach } = faults;
    const isLost =
      type.resource !== coreEvents.resource && loseAnswerOfEach !== undefined && number % loseAnswerOfEach === 0;
    if (isLost) throw new ApiError('Timeout', 'the request did not complete in time');
    return answer;
  };
  async function* watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: ApiWatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    let events = 0;
    for await (const event of inner.watch(type, options)) {
      if (faults.watchDelayMs !== undefined) await pause(faults.watchDelayMs);
      events += 1;
      if (dead()) refuse();
      if (events > (faults.expireAfterEvents ?? never)) throw new ApiError('Expired', 'too old');
      yield event;
    }
  }
  const client: ApiClient = {
    get: (type, name) => read(() => inner.get(type, name)),
    list: (type, options) => read(() => inner.list(type, options)),
    getSubresource: (type, name, subresource) => read(() => inner.getSubresource(type, name, subresource)),
    watch,
    create: (type, object, options) => write(type, () => inner.create(type, object, options)),
    update: (type, object, options) => write(type, () => inner.update(type, object, options)),
    updateStatus: (type, object, options) => write(type, () => inner.updateStatus(type, object, options)),
    patch: (type, name, patch, options) => write(type, () => inner.patch(type, name, patch, options)),
    delete: (type, name, options) => write(type, () => inner.delete(type, name, options)),
    createSubresource: (type, name, subresource, body) =>
      write(type, () => inner.createSubresource(type, name, subresource, body)),
  };
  return { client, writes: () => writes, attempts: () => attempts, crashed: dead };
}
