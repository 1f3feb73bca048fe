/** For tests of the worker of a pod. */
import { join } from 'node:path';
import type { NodeDevices } from '@timonel/sdk/contracts/devices';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type {
  ContainerConfig,
  ContainerRuntime,
  ContainerStatus,
  Mount,
  SandboxConfig,
} from '@timonel/sdk/contracts/runtime';
import { ApiError, type Pod, type PodSpec } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until, type RecordingLogger, type SimulatedEnv } from '@timonel/testkit';
import { policy } from '../../container/testing.ts';
import { PullRecords } from '../../images/pull-records.ts';
import { ImagePuller } from '../../images/puller.ts';
import { exited, podWith, running, sandbox } from '../../plan/testing.ts';
import { IdRanges } from '../id-ranges.ts';
import { PodWorker } from '../pod-worker.ts';
import type { Runtimes } from '../runtimes.ts';
import { testVolumes } from '../../volumes/testing/test-volumes.ts';
import { NodeRoom } from '../node-room.ts';
import { PodDevices } from '../pod-devices.ts';
import { Semaphore } from '../semaphore.ts';
import type { AgentServices } from '../services.ts';

/** One pod of one node: the runtime is a map, time moves by hand. */
export class Bench {
  readonly env: SimulatedEnv = manualEnv();
  readonly containers = new Map<string, ContainerStatus>();
  readonly starts: number[] = [];
  readonly written: Pod[] = [];
  readonly begin = this.env.clock.now();
  /** Of the pod's object: how many statuses had been written before each. */
  readonly deletions: number[] = [];
  apiIsAway = false;
  imageIsThere = true;
  sandboxFails = false;
  /** Of the runtimes that the node has. */
  handlers = ['fake'];
  userNamespaces = false;
  registryIsSlow = false;
  /** Of each image. */
  layers: string[] = [];
  /** Of the last container. */
  mounts: readonly Mount[] = [];
  /** Of the last container. */
  config: ContainerConfig | undefined;
  /** What gives devices, if there is something. */
  readonly device: { current: NodeDevices | undefined } = { current: undefined };
  readonly log: RecordingLogger = createRecordingLogger();
  readonly sandboxes: SandboxConfig[] = [];
  /** Answers of the registry that are waited for. */
  readonly pulls: { signal: AbortSignal | undefined; done: () => void }[] = [];
  classes = { handlerOf: (name = ''): string => (name === '' ? 'fake' : name) };
  readonly events: string[] = [];
  readonly tell: AgentServices['event'] = (_pod, type, reason, message) =>
    void this.events.push(`${type} ${reason} ${message}`);
  readonly dataDir: string;
  worker: PodWorker;

  constructor(dataDir: string, spec: Partial<PodSpec> = {}) {
    this.dataDir = dataDir;
    this.worker = new PodWorker(this.services(), podWith(spec), undefined, () => undefined);
  }

  seconds(): number {
    return Math.round((this.env.clock.now() - this.begin) / 1000);
  }

  /** File work happens in real time: wait until the worker rests. */
  async settle(): Promise<void> {
    await until(() => this.worker.isResting, { what: 'the worker to rest', intervalMs: 1 });
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.env.advance(1000);
      await this.settle();
    }
  }

  crash(exitCode = 1): void {
    for (const status of this.containers.values()) {
      if (status.state !== 'running') continue;
      const finishedAt = this.env.clock.now();
      this.containers.set(status.id, { ...status, state: 'exited', exitCode, finishedAt, pid: undefined });
    }
    this.worker.trigger();
  }

  get status() {
    return this.written.at(-1)?.status;
  }

  runtime(): Partial<ContainerRuntime> {
    return {
      info: async () => {
        const { userNamespaces } = this;
        return { name: 'x', version: '1', isolation: 'full', ready: true, reason: '', userNamespaces };
      },
      runSandbox: async (config) => {
        this.sandboxes.push(config);
        if (this.sandboxFails) throw new Error('no space left');
        return sandbox({ id: config.id, labels: config.labels, createdAt: this.env.clock.now() });
      },
      createContainer: async (config: ContainerConfig) => {
        const { id, sandboxId, name, attempt, labels } = config;
        this.mounts = config.mounts;
        this.config = config;
        const status = running(name, attempt, { id, sandboxId, labels, state: 'created' });
        this.containers.set(id, status);
        return status;
      },
      startContainer: async (id) => {
        const status = this.containers.get(id);
        if (status === undefined) throw new Error('unknown');
        this.starts.push(this.seconds());
        this.containers.set(id, { ...status, state: 'running', startedAt: this.env.clock.now() });
      },
      containerStatus: async (id) => this.containers.get(id),
      stopContainer: async (id) => {
        const status = this.containers.get(id);
        if (status !== undefined)
          this.containers.set(id, exited(status.name, 0, status.attempt, { ...status, state: 'exited', exitCode: 0 }));
      },
      removeContainer: async (id) => void this.containers.delete(id),
      removeSandbox: async () => undefined,
      stopSandbox: async () => undefined,
    };
  }

  services(): AgentServices {
    const api: Partial<ApiClient> = {
      updateStatus: async (_type, object) => {
        if (this.apiIsAway) throw new ApiError('ServiceUnavailable', 'away');
        this.written.push(object as unknown as Pod);
        return object;
      },
      delete: async (_type, _name) => {
        if (this.apiIsAway) throw new ApiError('ServiceUnavailable', 'away');
        this.deletions.push(this.written.length);
        return {} as never;
      },
    };
    const images: Pick<ImageService, 'find' | 'ensure'> = {
      find: async (reference) =>
        this.imageIsThere && !this.registryIsSlow ? images.ensure(reference, 'IfNotPresent') : undefined,
      ensure: async (reference, _policy, { signal } = {}) => {
        if (this.registryIsSlow) await new Promise<void>((done) => this.pulls.push({ signal, done }));
        if (!this.imageIsThere)
          throw Object.assign(new Error('absent'), { name: 'ImageError', reason: 'ErrImagePull' });
        const config = {
          entrypoint: ['run'],
          cmd: [],
          env: [],
          workingDir: '',
          user: '',
          stopSignal: '',
          exposedPorts: [],
          labels: {},
        };
        const rootfs = { imageId: 'sha256:1', reference, layers: this.layers };
        return {
          id: 'sha256:1',
          references: [reference],
          sizeBytes: 1,
          created: '',
          config,
          rootfs,
          pulled: undefined,
        };
      },
    };
    const network: Partial<PodNetwork> = {
      attach: async ({ sandboxId }) => ({
        sandboxId,
        addresses: ['10.1.0.2'],
        interfaceName: 'eth0',
        gateway: undefined,
      }),
      detach: async () => undefined,
    };
    const runtimes: Partial<Runtimes> = {
      get: (handler) => (this.handlers.includes(handler) ? (this.runtime() as ContainerRuntime) : undefined),
      names: () => this.handlers,
    };
    return {
      nodeName: 'node-1',
      clusterDomain: 'cluster.local',
      dns: () => undefined,
      policies: () => undefined,
      env: this.env,
      log: this.log,
      api: api as ApiClient,
      puller: new ImagePuller({
        images,
        sources: { secret: async () => undefined, serviceAccount: async () => undefined },
        records: new PullRecords({
          file: join(this.dataDir, 'pulled-images.json'),
          policy: 'NeverVerifyPreloadedImages',
          log: this.log,
          present: async () => [],
        }),
        env: this.env,
        bound: undefined,
        event: this.tell,
      }),
      network: network as PodNetwork,
      runtimes: runtimes as Runtimes,
      classes: { handlerOf: async ({ spec }) => this.classes.handlerOf(spec.runtimeClassName) },
      ids: new IdRanges({ firstId: 100_000, ranges: 2 }),
      devices: new PodDevices({ devices: this.device, log: this.log, present: () => undefined }),
      volumes: testVolumes({ env: this.env, directory: this.dataDir }),
      sources: { configMap: async () => undefined, secret: async () => undefined },
      serviceLinks: { variables: async () => new Map() },
      room: new NodeRoom(),
      bound: new Semaphore(4),
      dataDir: this.dataDir,
      nodeAddress: () => '192.0.2.1',
      nodeAddress6: () => undefined,
      allocatable: () => ({ cpu: '2', memory: '4Gi' }),
      policy,
      abilities: { allowedUnsafeSysctls: [], hasAppArmor: false },
      ownNode: { seenFor: async () => undefined },
      refusal: () => undefined,
      event: this.tell,
      reportFault: () => undefined,
    };
  }
}
