/** A node whose API server is in another kernel, behind a connection that tests cut: an agent without a control plane. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { containerRuntime, type ContainerRuntime, type ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { namespaces, nodes, pods, type Pod, type PodSpec } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import apiClientHttps from '@timonel/plugin-api-client-https';
import networkLoopback from '@timonel/plugin-network-loopback';
import nodeAgent from '@timonel/plugin-node-agent';
import runtimeProcess from '@timonel/plugin-runtime-process';
import volumesCore from '@timonel/plugin-volumes-core';
import { startApiServer, type TestApiServer } from '../../support/api-server.ts';
import { Relay } from '../../support/relay.ts';
import { fakeImages } from './bed.ts';

export class RemoteBed {
  readonly server: TestApiServer;
  readonly relay: Relay;
  /** Of the node's kernel. */
  readonly dataDir: string = mkdtempSync(join(tmpdir(), 'timonel-remote-node-'));
  #node: TestKernel | undefined;

  private constructor(server: TestApiServer, relay: Relay) {
    this.server = server;
    this.relay = relay;
  }

  static async start(): Promise<RemoteBed> {
    const server = await startApiServer();
    const relay = await Relay.to(server.url);
    const bed = new RemoteBed(server, relay);
    writeFileSync(join(bed.dataDir, 'ca.crt'), server.kernel.service(apiEndpoint).caCertificate());
    writeFileSync(join(bed.dataDir, 'token'), server.token, { mode: 0o600 });
    await server.api.create(namespaces, { metadata: { name: 'default' } }).catch(() => undefined);
    await bed.startNode();
    await until(() => bed.nodeReady(), { what: 'the node to be Ready', timeoutMs: 10_000 });
    return bed;
  }

  get node(): TestKernel {
    if (this.#node === undefined) throw new Error('the node does not run');
    return this.#node;
  }

  async startNode(agent: Record<string, unknown> = {}): Promise<void> {
    this.#node = await startTestKernel({
      plugins: [apiClientHttps, networkLoopback, runtimeProcess, volumesCore, nodeAgent, fakeImages()],
      dataDir: this.dataDir,
      config: {
        'api-client-https': {
          servers: [this.relay.url],
          caFile: join(this.dataDir, 'ca.crt'),
          tokenFile: join(this.dataDir, 'token'),
        },
        'node-agent': {
          nodeName: 'node-1',
          runtime: 'process',
          relistIntervalMs: 500,
          checkpointDelayMs: 300,
          nodeAddress: '127.0.0.1',
          ...agent,
        },
      },
    });
  }

  /** As a crash does it: containers stay. */
  async crashNode(): Promise<void> {
    await this.#node?.stop('failure');
    this.#node = undefined;
  }

  async stop(): Promise<void> {
    await this.#node?.stop();
    await this.relay.cut();
    await this.server.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async nodeReady(): Promise<boolean> {
    const node = await this.server.api.get(nodes, { name: 'node-1' });
    return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  }

  runtime(): ContainerRuntime {
    const [provider] = this.node.service(containerRuntime).all();
    if (provider === undefined) throw new Error('there is no runtime');
    return provider.service;
  }

  /** The containers of a pod, as the runtime has them, the newest last. */
  async containers(pod: string): Promise<ContainerStatus[]> {
    const sandboxes = await this.runtime().listSandboxes();
    const ids = new Set(sandboxes.filter(({ podName }) => podName === pod).map(({ id }) => id));
    const all = (await this.runtime().listContainers()).filter(({ sandboxId }) => ids.has(sandboxId));
    return all.sort((a, b) => a.attempt - b.attempt);
  }

  /** The running container, once its try has this number. */
  runs(pod: string, attempt: number): Promise<ContainerStatus> {
    const found = async (): Promise<ContainerStatus | undefined> => {
      const last = (await this.containers(pod)).at(-1);
      return last?.state === 'running' && last.attempt === attempt ? last : undefined;
    };
    return until(found, { what: `try ${attempt} of ${pod} to run`, timeoutMs: 15_000 });
  }

  get(name: string): Promise<Pod> {
    return this.server.api.get(pods, { namespace: 'default', name });
  }

  create(name: string, command: readonly string[], spec: Partial<PodSpec> = {}, more: object = {}): Promise<Pod> {
    return this.server.api.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'node-1',
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'app', image: 'timonel.local/node:host', command: [...command], ...more }],
        ...spec,
      },
    });
  }

  /** The pod in the API, once it is as wanted. */
  pod(name: string, what: string, fits: (pod: Pod) => unknown): Promise<Pod> {
    const found = async (): Promise<Pod | undefined> => {
      const pod = await this.get(name);
      return fits(pod) ? pod : undefined;
    };
    return until(found, { what: `${name}: ${what}`, timeoutMs: 20_000 });
  }
}
