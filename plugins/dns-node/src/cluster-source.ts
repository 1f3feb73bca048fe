/** Follows Services, EndpointSlices and Namespaces, and remembers them for a start while the API is away. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { informers, type ControllerHost, type Informers } from '@timonel/sdk/controller';
import { LateWriter } from '@timonel/sdk/files';
import { endpointSlices, namespaces, services, type EndpointSlice, type Service } from '@timonel/sdk/kube';
import { readMemory, writeMemory, type ClusterMemory } from './cluster-memory.ts';
import type { ClusterNames } from './zone/cluster-names.ts';

export interface ClusterSourceOptions {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly names: ClusterNames;
  readonly memoryFile: string;
}

const serviceLabel = 'kubernetes.io/service-name';
const byService = 'service';
/** A start that waits longer for the API goes on without it. */
const patienceMs = 3000;
/** Endpoints may change many times a second; the file need not. */
const rememberMs = 5000;

export class ClusterSource {
  readonly #options: ClusterSourceOptions;
  readonly #informers: Informers;
  readonly #stop = new AbortController();
  #followed = false;
  #remembered = false;
  readonly #memory: LateWriter;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    this.#memory = new LateWriter({ env: options.host.env, delayMs: rememberMs, write: () => this.#write() });
    this.#informers = informers(options.host, options.api);
  }

  /** Whether the names are known, be it from the file. */
  get ready(): boolean {
    return this.#followed || this.#remembered;
  }

  /** Resolves when the names are known, or the API does not answer: then those of the file are used until it does. */
  async start(): Promise<void> {
    const { host, names } = this.#options;
    const serviceInformer = this.#informers.for(services);
    const sliceInformer = this.#informers.for(endpointSlices, { indexes: { [byService]: serviceOf } });
    const namespaceInformer = this.#informers.for(namespaces);
    const set = (key: string): void => {
      const service = serviceInformer.get(key);
      if (service === undefined) names.delete(key);
      else names.set(key, service, sliceInformer.byIndex(byService, key));
      this.#changed();
    };
    const followed = this.#informers.synced().then(() => {
      // What came from the file: the cluster says it itself now.
      names.clear();
      for (const { metadata } of namespaceInformer.list()) names.addNamespace(metadata.name ?? '');
      for (const service of serviceInformer.list()) set(keyOf(service));
      const touched = (service: Service): void => set(keyOf(service));
      const sliceTouched = (slice: EndpointSlice): void => {
        const key = serviceOf(slice);
        if (key !== undefined) set(key);
      };
      serviceInformer.addHandler({ added: touched, updated: touched, deleted: touched });
      sliceInformer.addHandler({
        added: sliceTouched,
        deleted: sliceTouched,
        updated: (slice, old) => {
          sliceTouched(slice);
          if (serviceOf(old) !== serviceOf(slice)) sliceTouched(old);
        },
      });
      namespaceInformer.addHandler({
        added: ({ metadata }) => names.addNamespace(metadata.name ?? ''),
        deleted: ({ metadata }) => names.deleteNamespace(metadata.name ?? ''),
      });
      this.#followed = true;
    });
    this.#informers.start();
    const late = host.env.timers.sleep(patienceMs, this.#stop.signal).catch(() => undefined);
    // Rejects only when it is stopped.
    const done = followed.catch(() => undefined);
    await Promise.race([done, late]);
    if (!this.#followed && !this.#stop.signal.aborted) await this.#useMemory();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#informers.stop();
    await this.#memory.close();
  }

  async #useMemory(): Promise<void> {
    const { host, memoryFile, names } = this.#options;
    try {
      const memory = await readMemory(memoryFile);
      if (memory === undefined || this.#followed) return;
      for (const namespace of memory.namespaces) names.addNamespace(namespace);
      for (const { service, slices } of memory.services) names.set(keyOf(service), service, slices);
      this.#remembered = true;
      host.log.warn({ services: names.size }, 'the API does not answer: names are answered as they were known last');
    } catch (error) {
      host.log.warn({ memoryFile, error: errorMessage(error) }, 'the names that were known last cannot be used');
    }
  }

  #changed(): void {
    this.#memory.touch();
  }

  async #write(): Promise<void> {
    const { host, memoryFile } = this.#options;
    try {
      const kept = await writeMemory(memoryFile, this.#toRemember());
      if (!kept) host.log.warn({ memoryFile }, 'the services are too many to be remembered');
    } catch (error) {
      host.log.warn({ memoryFile, error: errorMessage(error) }, 'the names of services were not remembered');
    }
  }

  #toRemember(): ClusterMemory {
    const slices = this.#informers.for(endpointSlices);
    return {
      namespaces: this.#informers
        .for(namespaces)
        .list()
        .map(({ metadata }) => metadata.name ?? ''),
      services: this.#informers
        .for(services)
        .list()
        .map((service) => ({
          service,
          // Only names of headless services lead to endpoints.
          slices: service.spec.clusterIP === 'None' ? slices.byIndex(byService, keyOf(service)) : [],
        })),
    };
  }
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceLabel];
  return name === undefined ? undefined : `${metadata.namespace ?? ''}/${name}`;
}
