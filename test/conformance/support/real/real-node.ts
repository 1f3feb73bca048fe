/**
 * One real node for the tests of a file: the built command, real containers. Pods and objects are declared beside the tests that
 * look at them, and all of them are made at once when the node is there; so a file takes as long as its slowest pod.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { readKubeconfig } from '../../../../cli/src/cluster/kubeconfig.ts';
import { ClusterClient, type ClusterWatch, type ClusterWatchEvent } from '../../../support/cluster-client.ts';
import { command, TestCluster } from '../../../support/cluster.ts';
import { until } from '../../../support/until.ts';
import { probeImage, probeImageOptions, probeServerRoot } from '../../../images/probe-server/build.ts';
import { RealPod, type Shown } from './real-pod.ts';
import { collections, RealWorkload } from './real-workload.ts';

export class RealNode {
  cluster!: TestCluster;
  api!: ClusterClient;
  readonly #objects: Shown[] = [];
  readonly #pods: RealPod[] = [];
  readonly #changes = new Map<string, ClusterWatchEvent[]>();
  readonly #all: ClusterWatchEvent[] = [];
  #watch: ClusterWatch | undefined;

  /** A ConfigMap, Secret or Service that is there before all pods. */
  object(kind: string, name: string, body: object): string {
    this.#objects.push({ apiVersion: 'v1', kind, metadata: { name }, ...body });
    return name;
  }

  /** What makes pods of a template, and is made before all of `pod`. */
  workload(kind: string, name: string, spec: object): RealWorkload {
    const workload = new RealWorkload(this, kind, name, spec);
    this.#objects.push(workload.manifest);
    return workload;
  }

  /** A pod that is made with all others. */
  pod(name: string, spec: object, metadata: object = {}): RealPod {
    const pod = this.later(name, spec, metadata);
    this.#pods.push(pod);
    return pod;
  }

  /** A pod that its test makes. */
  later(name: string, spec: object, metadata: object = {}): RealPod {
    return new RealPod(this, name, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...metadata },
      spec: { terminationGracePeriodSeconds: 1, ...spec },
    });
  }

  changesOf(name: string): readonly ClusterWatchEvent[] {
    return this.#changes.get(name) ?? [];
  }

  /** Every event of the watch of pods, oldest first. */
  get podEvents(): readonly ClusterWatchEvent[] {
    return this.#all;
  }

  /** The pods that are there, with all of these labels. */
  podsWith(labels: Readonly<Record<string, string>>): Shown[] {
    const last = [...this.#changes.values()].map((events) => events.at(-1)).filter((event) => event !== undefined);
    const wanted = Object.entries(labels);
    return last
      .filter(({ type }) => type !== 'DELETED')
      .map(({ object }) => object)
      .filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  /** A pod that a controller made. */
  podCalled(name: string): RealPod {
    return new RealPod(this, name, undefined);
  }

  /** The body of an answer as it is. */
  text(path: string): Promise<string> {
    return this.#send('GET', path);
  }

  async patch(path: string, body: object, type = 'application/strategic-merge-patch+json'): Promise<Shown> {
    return JSON.parse(await this.#send('PATCH', path, body, type));
  }

  /** Changes an object that `object` made; `null` removes it. */
  async change(kind: string, name: string, body: object | null): Promise<void> {
    const path = `${collections[kind]}/${name}`;
    if (body === null) await this.api.ask('DELETE', path);
    else await this.patch(path, body, 'application/merge-patch+json');
  }

  async create(kind: string, name: string, body: object): Promise<Shown> {
    return this.api.ask('POST', collections[kind] ?? '', { apiVersion: 'v1', kind, metadata: { name }, ...body });
  }

  /** Waits for a moment of the wall clock, given in ms: containers run in real time. */
  async passed(moment: number): Promise<void> {
    await until(() => Date.now() >= moment, { what: 'the time to pass' });
  }

  async start(): Promise<void> {
    if (process.getuid?.() !== 0) throw new Error('containers need root: run this test as root');
    if (!existsSync(command)) throw new Error('the command is not built: npm run build');
    const directory = mkdtempSync(join(tmpdir(), 'timonel-conformance-image-'));
    try {
      const root = join(directory, 'root');
      probeServerRoot(root);
      this.cluster = await TestCluster.start();
      const built = await this.cluster.timonel('image', 'build', root, probeImage, ...probeImageOptions);
      if (built.status !== 0) throw new Error(built.stderr);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    this.api = new ClusterClient(this.cluster.kubeconfig);
    this.#watch = this.api.watch('/api/v1/namespaces/default/pods?watch=1', (event) => {
      const name = event.object.metadata?.name ?? '';
      this.#changes.set(name, [...this.changesOf(name), event]);
      this.#all.push(event);
    });
    await this.#watch.opened;
    await Promise.all(this.#objects.map((each) => this.api.ask('POST', collections[each.kind] ?? '', each)));
    await Promise.all(this.#pods.map((each) => each.create()));
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    this.api?.close();
    await this.cluster?.dispose();
    const mounts = readFileSync('/proc/self/mounts', 'utf8');
    if (this.cluster !== undefined && mounts.includes(this.cluster.dataDir)) {
      throw new Error(`mounts are left below ${this.cluster.dataDir}:\n${mounts}`);
    }
  }

  #send(method: string, path: string, body?: object, type = 'application/json'): Promise<string> {
    const { server, token, caCertificate: ca } = readKubeconfig(this.cluster.kubeconfig);
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    return new Promise((resolve, reject) => {
      const call = request(new URL(path, server), { method, ca, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if ((response.statusCode ?? 500) < 400) resolve(text);
          else reject(new Error(`${method} ${path} was answered by ${response.statusCode}: ${text}`));
        });
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

const agent = new Agent({ keepAlive: false });

/** The node of a test file. */
export function realNode(): RealNode {
  const node = new RealNode();
  beforeAll(() => node.start(), 120_000);
  afterAll(() => node.stop(), 60_000);
  return node;
}
