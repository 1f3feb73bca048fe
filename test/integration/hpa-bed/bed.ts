/** A cluster with the autoscaler, on a clock that jumps. */
import autoscaler from '@timonel/plugin-controller-horizontalpodautoscaler';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { findCondition } from '@timonel/sdk/controller';
import {
  deployments,
  horizontalPodAutoscalers,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerSpec,
  type MetricSpec,
} from '@timonel/sdk/kube';
import { Clock } from '../../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../../conformance/support/cluster.ts';
import { deploymentOf } from '../controllers-cluster.ts';
import { metrics } from './metrics.ts';

/** The controller looks so often. */
export const periodMs = 15_000;
export const minuteMs = 60_000;

export interface Subject {
  readonly namespace: string;
  readonly name: string;
}

export const cpuAt = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

export class HpaBed implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly clock: Clock;

  private constructor(cluster: Cluster, clock: Clock) {
    this.cluster = cluster;
    this.clock = clock;
  }

  static async start(): Promise<HpaBed> {
    const clock = new Clock(Date.UTC(2030, 0, 1));
    const cluster = await startCluster({
      controllers: [autoscaler, deploymentController, replicaSetController, gcController],
      plugins: [metrics],
      config: { [autoscaler.name]: { metricTimeoutMs: 1000 } },
      nodes: 0,
      clock,
    });
    return new HpaBed(cluster, clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }

  /** Switches the autoscaler off and on. */
  async restart(): Promise<void> {
    const { control } = this.cluster.server.kernel;
    await control.disable(autoscaler.name);
    await control.enable(autoscaler.name);
  }

  /** A deployment in a namespace of its own. `cpu`: what its pods request; null: nothing. */
  async workload(replicas: number, cpu: string | null = '1'): Promise<Subject> {
    const namespace = await this.cluster.namespace('hpa');
    const { spec } = deploymentOf('web', replicas);
    const resources = cpu === null ? {} : { resources: { requests: { cpu } } };
    const containers = [{ name: 'main', image: 'web:1', ...resources }];
    await this.cluster.api.create(deployments, {
      metadata: { namespace, name: 'web' },
      spec: { ...spec, template: { ...spec.template, spec: { containers } } },
    });
    const at = { namespace, name: 'web' };
    await this.ready(at, replicas);
    return at;
  }

  async replicasOf(at: Subject): Promise<number | undefined> {
    return (await this.cluster.api.get(deployments, at)).spec.replicas;
  }

  async ready(at: Subject, replicas: number): Promise<void> {
    await this.cluster.until(`${replicas} replicas`, async () => {
      const { spec, status } = await this.cluster.api.get(deployments, at);
      const { readyReplicas = 0, replicas: made = 0 } = status ?? {};
      return spec.replicas === replicas && readyReplicas === replicas && made === replicas;
    });
    await this.cluster.quiet();
  }

  /** Makes an autoscaler of the deployment: from 1 to 10 replicas, at 50 % of cpu. */
  async scaledBy(at: Subject, spec: Partial<HorizontalPodAutoscalerSpec> = {}, name: string = at.name): Promise<void> {
    await this.cluster.api.create(horizontalPodAutoscalers, {
      metadata: { namespace: at.namespace, name },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: at.name },
        minReplicas: 1,
        maxReplicas: 10,
        metrics: [cpuAt(50)],
        ...spec,
      },
    });
  }

  read(at: Subject): Promise<HorizontalPodAutoscaler> {
    return this.cluster.api.get(horizontalPodAutoscalers, at);
  }

  /** Of a condition: `True ValidMetricFound`. */
  async said(at: Subject, type: string): Promise<string> {
    const condition = findCondition((await this.read(at)).status?.conditions, type);
    return `${condition?.status} ${condition?.reason}`;
  }

  async saying(at: Subject, type: string, wanted: string): Promise<void> {
    await this.cluster.until(`${type} to be ${wanted}`, async () => (await this.said(at, type)) === wanted);
  }

  async eventsOf(at: Subject): Promise<string[]> {
    const events = await this.cluster.eventsOf(await this.read(at));
    return events.map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** Waits for the event, which is written beside the status that it explains. */
  async told(at: Subject, wanted: RegExp): Promise<void> {
    await this.cluster.until(`an event like ${wanted}`, async () =>
      (await this.eventsOf(at)).some((text) => wanted.test(text)),
    );
  }
}
