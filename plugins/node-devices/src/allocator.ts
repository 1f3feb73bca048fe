/** Gives devices to the containers of a pod, all or none. */
import { errorMessage, type Logger } from '@timonel/sdk';
import { DeviceError, type DeviceGrant, type DeviceRefusal, type NodeDevices } from '@timonel/sdk/contracts/devices';
import type { Pod } from '@timonel/sdk/kube';
import { type Allocation, type Allocations } from './allocations.ts';
import type { DeviceSource } from './device-source.ts';
import { grantOf, mergedGrant } from './grants.ts';
import { calls } from './messages.ts';
import { needs, type Need } from './needs.ts';
import type { Sources } from './sources.ts';

export interface AllocatorOptions {
  readonly sources: Sources;
  readonly allocations: Allocations;
  readonly log: Logger;
}

export class Allocator implements NodeDevices {
  readonly #options: AllocatorOptions;
  /** By resource: a plugin that hangs keeps only those waiting who want its devices. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: AllocatorOptions) {
    this.#options = options;
  }

  /** One pod after the other: what is free for one is not for the next. */
  allocate(pod: Pod, present: ReadonlySet<string> | undefined): Promise<DeviceRefusal | undefined> {
    const wanted = needs(pod, this.#options.sources.resources);
    if (wanted.length === 0) return Promise.resolve(undefined);
    const resources = new Set(wanted.map(({ resource }) => resource));
    const before = [...resources].map((resource) => this.#turns.get(resource) ?? Promise.resolve());
    const done = Promise.all(before).then(() => this.#allocate(pod, wanted, present));
    const settled = done.catch(() => undefined);
    for (const resource of resources) this.#turns.set(resource, settled);
    return done;
  }

  async grant(pod: Pod, container: string): Promise<DeviceGrant | undefined> {
    const { allocations, sources } = this.#options;
    const own = allocations.of(pod.metadata.uid ?? '', container);
    for (const { resource, devices } of own) {
      const source = sources.get(resource);
      const healthy = new Set(source?.healthy);
      const missing = devices.filter((id) => !healthy.has(id));
      if (source === undefined || missing.length > 0)
        throw new DeviceError(
          `devices of ${resource} cannot be used now: ${missing.join(', ') || 'their plugin is away'}`,
        );
      if (source.abilities.preStartRequired) await preStart(source, devices);
    }
    return own.length === 0 ? undefined : mergedGrant(own.map(({ grant }) => grant));
  }

  async release(podUid: string): Promise<void> {
    await this.#options.allocations.remove((uid) => uid === podUid);
  }

  async #allocate(
    pod: Pod,
    wanted: readonly Need[],
    present: ReadonlySet<string> | undefined,
  ): Promise<DeviceRefusal | undefined> {
    const { allocations, log } = this.#options;
    const { uid = '', name = '', namespace = '' } = pod.metadata;
    // A pod that was admitted before, and whose containers are made anew, keeps what it has.
    if (allocations.of(uid).length > 0) return undefined;
    if (present !== undefined) await allocations.remove((other) => !present.has(other));
    const made: Allocation[] = [];
    try {
      const passedOn = new Map<string, string[]>();
      for (const need of wanted)
        made.push({ ...(await this.#give(need, passedOn)), podUid: uid, podName: name, podNamespace: namespace });
      await allocations.add(made);
      return undefined;
    } catch (error) {
      log.warn({ pod: name, namespace, error: errorMessage(error) }, 'no devices for a pod');
      return {
        reason: 'UnexpectedAdmissionError',
        message: `Allocate failed due to ${errorMessage(error)}, which is unexpected`,
      };
    } finally {
      for (const { resource, devices } of made) allocations.unreserve(resource, devices);
    }
  }

  /** @throws Error */
  async #give(
    need: Need,
    passedOn: Map<string, string[]>,
  ): Promise<Pick<Allocation, 'container' | 'resource' | 'devices' | 'grant'>> {
    const { sources, allocations } = this.#options;
    const { container, resource, count, isPassedOn } = need;
    const source = sources.get(resource);
    if (source === undefined) throw new Error(`cannot allocate unregistered device ${resource}`);
    const { healthy } = source;
    if (healthy.length === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    const reusable = passedOn.get(resource) ?? [];
    const reused = reusable.slice(0, count);
    const taken = allocations.taken(resource);
    const free = healthy.filter((id) => !taken.has(id));
    if (reused.length + free.length < count) {
      const available = reused.length + free.length;
      throw new Error(
        `requested number of devices unavailable for ${resource}. Requested: ${count}, Available: ${available}`,
      );
    }
    const devices = await choose(source, count, reused, free);
    allocations.reserve(resource, devices);
    if (isPassedOn) passedOn.set(resource, [...new Set([...reusable, ...devices])]);
    else
      passedOn.set(
        resource,
        reusable.filter((id) => !devices.includes(id)),
      );
    try {
      const { containerResponses } = await source.call(calls.allocate, {
        containerRequests: [{ devicesIds: devices }],
      });
      return { container, resource, devices, grant: grantOf(resource, containerResponses[0]) };
    } catch (error) {
      allocations.unreserve(
        resource,
        devices.filter((id) => !reusable.includes(id)),
      );
      throw error;
    }
  }
}

/** As the plugin would have it, when it has an opinion; else the first. */
async function choose(
  source: DeviceSource,
  count: number,
  reused: readonly string[],
  free: readonly string[],
): Promise<readonly string[]> {
  const usual = [...reused, ...free].slice(0, count);
  if (!source.abilities.getPreferredAllocationAvailable || reused.length >= count) return usual;
  const available = [...reused, ...free].toSorted();
  const request = { availableDeviceIDs: available, mustIncludeDeviceIDs: reused, allocationSize: count };
  const { containerResponses } = await source.call(calls.preferred, { containerRequests: [request] });
  const preferred = containerResponses[0]?.deviceIDs ?? [];
  // It only advises: what does not fit is filled up.
  const usable = preferred.filter((id) => available.includes(id));
  return [...new Set([...reused, ...usable, ...usual])].slice(0, count);
}

/** @throws DeviceError */
async function preStart(source: DeviceSource, devices: readonly string[]): Promise<void> {
  await source.call(calls.preStart, { devicesIds: devices }).catch((error: unknown) => {
    const what = `the plugin of ${source.resource} did not make its devices ready`;
    throw new DeviceError(`${what}: ${errorMessage(error)}`, { cause: error });
  });
}
