import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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
import { createRecordingLogger, manualEnv, until, type SimulatedEnv } from '@timonel/testkit';
import { policy } from '../container/testing.ts';
import { PullRecords } from '../images/pull-records.ts';
import { ImagePuller } from '../images/puller.ts';
import { container, exited, podWith, running, sandbox } from '../plan/testing.ts';
import { IdRanges } from './id-ranges.ts';
import { PodWorker } from './pod-worker.ts';
import type { Runtimes } from './runtimes.ts';
import { ClaimVolumes } from '../volumes/claim-volumes.ts';
import { NodeRoom } from './node-room.ts';
import { Semaphore } from './semaphore.ts';
import type { AgentServices } from './services.ts';

/** One pod of one node: the runtime is a map, time moves by hand. */
class Bench {
  readonly env: SimulatedEnv = manualEnv();
  readonly containers = new Map<string, ContainerStatus>();
  readonly starts: number[] = [];
  readonly written: Pod[] = [];
  readonly begin = this.env.clock.now();
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
        return {} as never;
      },
    };
    const images: Pick<ImageService, 'find' | 'ensure'> = {
      find: async (reference) => (this.imageIsThere ? images.ensure(reference, 'IfNotPresent') : undefined),
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
      env: this.env,
      log: createRecordingLogger(),
      api: api as ApiClient,
      puller: new ImagePuller({
        images,
        sources: { secret: async () => undefined, serviceAccount: async () => undefined },
        records: new PullRecords({
          file: join(this.dataDir, 'pulled-images.json'),
          policy: 'NeverVerifyPreloadedImages',
          log: createRecordingLogger(),
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
      claims: new ClaimVolumes({ all: () => [], onChange: () => undefined }, async () => undefined),
      sources: { configMap: async () => undefined, secret: async () => undefined },
      room: new NodeRoom(),
      bound: new Semaphore(4),
      dataDir: this.dataDir,
      nodeAddress: () => '192.0.2.1',
      allocatable: () => ({ cpu: '2', memory: '4Gi' }),
      policy,
      abilities: { allowedUnsafeSysctls: [], hasAppArmor: false },
      event: this.tell,
      reportFault: () => undefined,
    };
  }
}

describe('pod worker on a manual clock', () => {
  let dataDir: string;
  let bench: Bench;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
    bench = new Bench(dataDir);
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const begin = async (): Promise<void> => {
    bench.worker.trigger();
    await bench.settle();
  };

  it('restarts a crashing container after 0, 10, 20, 40, 80 seconds, and at once again after ten quiet minutes', async () => {
    await begin();
    for (let crashes = 0; crashes < 5; crashes += 1) {
      const before = bench.starts.length;
      bench.crash();
      await bench.settle();
      for (let second = 0; second < 100 && bench.starts.length === before; second += 1) await bench.pass(1);
    }
    expect(bench.starts).toEqual([0, 0, 10, 30, 70, 150]);
    await bench.pass(1);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 5, ready: true });
    // Of five ended tries one is kept.
    expect(bench.containers.size).toBe(2);
    await bench.env.advance(601_000);
    bench.crash();
    await bench.settle();
    expect(bench.starts).toHaveLength(7);
  });

  it('tries an absent image again with growing delays, and starts when it is there', async () => {
    bench.imageIsThere = false;
    await begin();
    const reason = (): string | undefined => bench.status?.containerStatuses?.[0]?.state.waiting?.reason;
    expect(reason()).toBe('ErrImagePull');
    await bench.pass(5);
    expect(reason()).toBe('ImagePullBackOff');
    await bench.pass(10);
    bench.imageIsThere = true;
    await bench.pass(14);
    expect(bench.starts).toEqual([]);
    await bench.pass(3);
    expect(bench.starts).toEqual([30]);
    expect(bench.status?.phase).toBe('Running');
  });

  it('goes on without the API, and reports when it is back', async () => {
    await begin();
    bench.apiIsAway = true;
    bench.crash();
    await bench.settle();
    expect(bench.starts).toEqual([0, 0]);
    expect(bench.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await bench.pass(30);
    bench.apiIsAway = false;
    await bench.pass(11);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
  });

  it('tries a failed sandbox again', async () => {
    bench.sandboxFails = true;
    await begin();
    await bench.pass(5);
    bench.sandboxFails = false;
    await bench.pass(10);
    expect(bench.status?.phase).toBe('Running');
  });

  it('writes nothing while nothing changes', async () => {
    await begin();
    const writes = bench.written.length;
    for (let index = 0; index < 10; index += 1) {
      bench.worker.trigger();
      await bench.pass(1);
    }
    expect(bench.written).toHaveLength(writes);
  });

  it('keeps trying to delete the object until the API answers', async () => {
    await begin();
    bench.apiIsAway = true;
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 };
    bench.worker.setPod(podWith({ containers: [container('app')] }, deleted));
    await bench.settle();
    await bench.pass(3);
    expect(bench.worker.sandboxes.size).toBe(0);
    expect(bench.worker.memory.objectDeleted).toBe(false);
    bench.apiIsAway = false;
    await bench.pass(2);
    expect(bench.worker.memory.objectDeleted).toBe(true);
  });
});

describe('the runtime of a pod', () => {
  let dataDir: string;
  let bench: Bench;
  const start = async (spec: Partial<PodSpec>): Promise<void> => {
    bench = new Bench(dataDir, spec);
    bench.worker.trigger();
    await bench.settle();
  };
  const failures = (): string[] => bench.events.filter((text) => text.includes('FailedCreatePodSandBox'));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('that is not on the node is waited for, with an event that says what to do, and the pod starts when it comes', async () => {
    await start({ runtimeClassName: 'crun' });
    await bench.pass(4);
    // After 0, 1 and 3 seconds.
    expect(failures()).toHaveLength(3);
    expect(failures()[0]).toContain(
      'no container runtime "crun" on this node (there are: fake): run "timonel plugin enable runtime-crun"',
    );
    expect(bench.status?.phase).toBe('Pending');
    expect(bench.worker.assignment()).toBeUndefined();
    bench.handlers = ['fake', 'crun'];
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.status?.phase).toBe('Running');
    expect(bench.worker.assignment()).toMatchObject({ handler: 'crun' });
  });

  it('stays that with which the pod was made, whatever becomes of its class', async () => {
    bench = new Bench(dataDir, { runtimeClassName: 'crun' });
    bench.handlers = ['fake', 'crun'];
    bench.worker.trigger();
    await bench.settle();
    bench.classes.handlerOf = () => {
      throw new Error('there is no such class');
    };
    bench.worker.retainSandboxes(new Set());
    await bench.settle();
    await bench.pass(1);
    expect(bench.sandboxes).toHaveLength(2);
    expect(failures()).toEqual([]);
    expect(bench.worker.handler).toBe('crun');
  });

  it('may go for a while: the pod is left as it is, and worked on when it is back', async () => {
    await start({});
    const writes = bench.written.length;
    bench.handlers = ['other'];
    bench.worker.runtimesListed(true);
    for (let index = 0; index < 3; index += 1) {
      bench.worker.trigger();
      await bench.pass(1);
    }
    expect(bench.written).toHaveLength(writes);
    expect(bench.events.filter((text) => text.includes('RuntimeNotReady'))).toEqual([
      expect.stringContaining('The pod is left as it is: no container runtime "fake" on this node (there are: other)'),
    ]);
    expect(bench.worker.sandboxes.size).toBe(1);
    bench.crash();
    bench.handlers = ['fake'];
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.starts).toHaveLength(2);
  });

  it('that a former agent gave it is away: nothing is started or said of the pod meanwhile', async () => {
    bench = new Bench(dataDir);
    bench.handlers = [];
    const former = { handler: 'fake', sandboxes: ['s0'] };
    const lastWord = { containerStatuses: [{ name: 'app', containerID: 'timonel://app-0', state: { running: {} } }] };
    const pod = { ...podWith(), status: { phase: 'Running', ...lastWord } } as unknown as Pod;
    bench.worker = new PodWorker(bench.services(), pod, former, () => undefined);
    bench.worker.recall();
    bench.worker.trigger();
    await bench.settle();
    expect(bench.written).toEqual([]);
    expect(bench.worker.assignment()).toEqual({ handler: 'fake', sandboxes: ['s0'] });
    bench.handlers = ['fake'];
    bench.containers.set('app-0', running('app', 0, { id: 'app-0' }));
    bench.worker.adopt({ handler: 'fake', podUid: 'uid-1', sandboxes: [sandbox()], containers: [running('app')] });
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.starts).toEqual([]);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
  });

  it('gives user namespaces where it can: the same ids for all sandboxes of a pod', async () => {
    await start({ hostUsers: false });
    expect(failures()[0]).toContain('runtime "x" has no user namespaces on this node, which hostUsers: false asks for');
    bench.userNamespaces = true;
    await bench.pass(1);
    bench.worker.retainSandboxes(new Set());
    await bench.settle();
    const userNamespace = { firstUid: 100_000, firstGid: 100_000, length: 65_536 };
    expect(bench.sandboxes).toMatchObject([{ userNamespace }, { userNamespace }]);
    expect(bench.sandboxes[0]?.labels['timonel.io/first-id']).toBe('100000');
    expect(bench.worker.assignment()?.firstId).toBe(100_000);
  });

  it('gives no user namespace to a pod that is to see the node’s own', async () => {
    bench = new Bench(dataDir, { hostUsers: false, hostPID: true });
    bench.userNamespaces = true;
    bench.worker.trigger();
    await bench.settle();
    expect(failures()[0]).toContain('hostUsers: false cannot be had together with hostNetwork, hostPID or hostIPC');
    expect(bench.sandboxes).toEqual([]);
  });

  it('is never asked for a pod that the node refuses', async () => {
    await start({ securityContext: { sysctls: [{ name: 'kernel.panic', value: '1' }] } });
    expect(bench.status).toMatchObject({
      phase: 'Failed',
      reason: 'SysctlForbidden',
      message: 'Pod was rejected: forbidden sysctl: "kernel.panic" not allowlisted',
    });
    expect(bench.status).not.toHaveProperty('containerStatuses');
    expect(bench.sandboxes).toEqual([]);
    expect(bench.events).toEqual(['Warning SysctlForbidden forbidden sysctl: "kernel.panic" not allowlisted']);
  });
});

describe('a pull', () => {
  let dataDir: string;
  let bench: Bench;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
    bench = new Bench(dataDir, { containers: [container('app', { imagePullPolicy: 'Always' })] });
    bench.registryIsSlow = true;
    bench.worker.trigger();
    await until(() => bench.pulls.length > 0, { what: 'the pull' });
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps nobody from working on the pod, is not begun twice, and is followed by the start', async () => {
    bench.worker.trigger();
    await until(() => (bench.status?.podIP ?? '') !== '', { what: 'a status meanwhile' });
    expect(bench.status?.containerStatuses?.[0]?.state.waiting?.reason).toBe('ContainerCreating');
    bench.pulls[0]?.done();
    await bench.settle();
    expect(bench.starts).toHaveLength(1);
    expect(bench.pulls).toHaveLength(1);
  });

  it('ends when the pod is deleted', async () => {
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 };
    bench.worker.setPod(podWith({}, deleted));
    await bench.settle();
    expect(bench.pulls[0]?.signal?.aborted).toBe(true);
    expect(bench.worker.memory.objectDeleted).toBe(true);
    bench.pulls[0]?.done();
    await bench.settle();
    expect(bench.starts).toEqual([]);
  });

  it('of the image of a volume comes before the start, and is not asked for again while another is waited for', async () => {
    await bench.worker.close();
    bench = new Bench(dataDir, {
      volumes: [{ name: 'data', image: { reference: 'data:1' } }],
      containers: [container('app', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
    });
    bench.registryIsSlow = true;
    bench.layers = [dataDir];
    bench.imageIsThere = false;
    bench.worker.trigger();
    await until(() => bench.pulls.length === 2, { what: 'both pulls' });
    bench.imageIsThere = true;
    bench.pulls[0]?.done();
    await until(() => bench.events.some((text) => text.includes('already present')), { what: 'the first image' });
    bench.worker.trigger();
    expect(bench.starts).toEqual([]);
    bench.pulls[1]?.done();
    await bench.settle();
    expect(bench.starts).toHaveLength(1);
    expect(bench.pulls).toHaveLength(2);
    expect(bench.mounts).toContainEqual(expect.objectContaining({ hostPath: dataDir, readOnly: true }));
  });
});
