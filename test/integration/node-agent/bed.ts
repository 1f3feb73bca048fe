/** A cluster of one node for tests of the node agent: the real API server on the memory store, fake or real runtimes. */
import type { AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { ImageError, images, type ImageInfo, type ImageService } from '@timonel/sdk/contracts/images';
import { pods, namespaces, nodes, type Pod, type PodSpec } from '@timonel/sdk/kube';
import { fakeService, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import type { PluginEntry } from '@timonel/core';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import networkLoopback from '@timonel/plugin-network-loopback';
import nodeAgent from '@timonel/plugin-node-agent';
import storeMemory from '@timonel/plugin-store-memory';
import volumesCore from '@timonel/plugin-volumes-core';

export interface Bed {
  readonly kernel: TestKernel;
  readonly api: ApiClient;
  create(name: string, spec: Partial<PodSpec>, metadata?: Pod['metadata']): Promise<Pod>;
  get(name: string): Promise<Pod>;
  /** Waits until the pod fits. */
  pod(name: string, what: string, fits: (pod: Pod) => unknown, timeoutMs?: number): Promise<Pod>;
  gone(name: string, timeoutMs?: number): Promise<void>;
}

export function imageInfo(reference: string): ImageInfo {
  return {
    id: 'sha256:0123456789abcdef',
    references: [reference],
    sizeBytes: 1000,
    created: '',
    config: {
      entrypoint: ['fake:run'],
      cmd: [],
      env: ['FROM_IMAGE=yes'],
      workingDir: '/',
      user: '',
      stopSignal: '',
      exposedPorts: [],
      labels: {},
    },
    rootfs: { imageId: 'sha256:0123456789abcdef', reference, layers: [] },
  };
}

/** Every image is there, but those whose name begins with `absent`; a name in capitals is invalid. */
export function fakeImages(): PluginEntry {
  const find = async (reference: string): Promise<ImageInfo | undefined> => {
    if (reference !== reference.toLowerCase()) throw new ImageError('InvalidImageName', `"${reference}" is no name`);
    return reference.startsWith('absent') ? undefined : imageInfo(reference);
  };
  const service: Partial<ImageService> = {
    find,
    ensure: async (reference) => {
      const found = await find(reference);
      if (found === undefined) throw new ImageError('ErrImagePull', `image "${reference}" is not on this node`);
      return { ...found, pulled: undefined };
    },
    list: async () => [imageInfo('img:1')],
  };
  return fakeService(images, service);
}

export interface BedOptions {
  readonly runtime: AnyPlugin;
  readonly runtimeConfig?: unknown;
  readonly handler: string;
  readonly agentConfig?: Record<string, unknown>;
  /** Default: loopback addresses. */
  readonly network?: AnyPlugin;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly dataDir?: string;
  readonly images?: PluginEntry;
  readonly more?: readonly AnyPlugin[];
}

/** The node is called `node-1`. */
export async function startBed(options: BedOptions): Promise<Bed> {
  const network = options.network ?? networkLoopback;
  const definitions = [
    storeMemory,
    apiResources,
    apiserver,
    authToken,
    network,
    volumesCore,
    nodeAgent,
    options.runtime,
  ];
  const kernel = await startTestKernel({
    plugins: [...definitions, ...(options.more ?? []), options.images ?? fakeImages()],
    config: {
      apiserver: { listen: { port: 0 } },
      'node-agent': { nodeName: 'node-1', runtime: options.handler, ...options.agentConfig },
      [options.runtime.name]: options.runtimeConfig,
      ...options.config,
    },
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
  });
  const api = kernel.service(apiClient);
  await ensureNamespace(api, 'default');
  const get = (name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
  await until(async () => isReady(api), { what: 'the node to be Ready', timeoutMs: 10_000 });
  return {
    kernel,
    api,
    get,
    create: (name, spec, metadata = {}) =>
      api.create(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', ...metadata },
        spec: {
          containers: [{ name: 'app', image: 'img:1' }],
          nodeName: 'node-1',
          terminationGracePeriodSeconds: 1,
          ...spec,
        },
      }),
    async pod(name, what, fits, timeoutMs = 10_000) {
      let last: Pod | undefined;
      try {
        return await until(
          async () => {
            last = await get(name);
            return fits(last) ? last : undefined;
          },
          { what: `${name}: ${what}`, timeoutMs },
        );
      } catch (error) {
        throw new Error(`${String(error)}; it is ${JSON.stringify(last?.status, undefined, 1)}`, { cause: error });
      }
    },
    async gone(name, timeoutMs = 10_000) {
      const absent = async (): Promise<boolean> => {
        const { items } = await api.list(pods, { namespace: 'default', fieldSelector: `metadata.name=${name}` });
        return items.length === 0;
      };
      await until(absent, { what: `${name} to be gone`, timeoutMs });
    },
  };
}

async function ensureNamespace(api: ApiClient, name: string): Promise<void> {
  await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }).catch(() => undefined);
}

async function isReady(api: ApiClient): Promise<boolean> {
  const node = await api.get(nodes, { name: 'node-1' });
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
