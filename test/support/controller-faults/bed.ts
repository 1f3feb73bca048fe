/** Two API servers on one store, the second of which can be frozen in the past; and controllers in a process of their own. */
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { startTestKernel, type TestKernel } from '@timonel/testkit';
import { MemoryStore } from '../../../plugins/store-memory/src/memory-store.ts';
import { Clock } from '../../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../../conformance/support/cluster.ts';
import { startApiServer, type TestApiServer } from '../api-server.ts';
import { UnsteadyStore } from '../unsteady-store.ts';
import type { FaultScenario } from './scenario.ts';

export interface Controllers {
  idle(): boolean;
  stop(): Promise<void>;
}

export class FaultBed implements AsyncDisposable {
  readonly scenario: FaultScenario;
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly #store: MemoryStore;
  #other: { server: TestApiServer; store: UnsteadyStore } | undefined;

  private constructor(scenario: FaultScenario, clock: Clock, store: MemoryStore, cluster: Cluster) {
    this.scenario = scenario;
    this.clock = clock;
    this.#store = store;
    this.cluster = cluster;
  }

  static async start(scenario: FaultScenario): Promise<FaultBed> {
    const clock = new Clock(scenario.startMs);
    const store = new MemoryStore(clock.env);
    const { nodes = 0, scheduler = true, kubelet = {}, healthy = [], config = {}, heartbeatMs } = scenario;
    const cluster = await startCluster({
      controllers: healthy,
      nodes,
      scheduler,
      kubelet,
      config,
      clock,
      store,
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    });
    clock.speed = scenario.speed ?? 3;
    return new FaultBed(scenario, clock, store, cluster);
  }

  /** Every change moves it on. */
  revision(): Promise<number> {
    return this.#store.barrier();
  }

  /** Another API server, as a client may be connected to after its restart. */
  async otherServer(): Promise<{ readonly api: ApiClient; readonly store: UnsteadyStore }> {
    if (this.#other === undefined) {
      const store = new UnsteadyStore(this.#store);
      this.#other = { store, server: await startApiServer({ store, env: this.clock.env }) };
    }
    return { api: this.#other.server.api, store: this.#other.store };
  }

  async startControllers(client: ApiClient): Promise<Controllers> {
    const connection: AnyPlugin = definePlugin({
      name: 'api-connection',
      version: '0.1.0',
      apiVersion: 1,
      provides: { api: apiClient },
      setup: () => ({ provides: { api: client } }),
    });
    const { plugins = [], controllers, config = {} } = this.scenario;
    const kernel: TestKernel = await startTestKernel({
      plugins: [connection, ...plugins, ...controllers],
      env: this.clock.env,
      config,
    });
    const running = kernel.service(controller);
    return {
      idle: () =>
        running.all().every(({ service }) => {
          const { queued, processing, synced } = service.status();
          return synced && queued === 0 && processing === 0;
        }),
      stop: async () => void (await kernel.stop()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#other?.server.stop();
    await this.cluster[Symbol.asyncDispose]();
    this.#store.close();
  }
}
