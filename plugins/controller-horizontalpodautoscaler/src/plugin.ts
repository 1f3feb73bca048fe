import type { AnyPlugin } from '@timonel/sdk';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { externalMetrics, objectMetrics } from '@timonel/sdk/contracts/metrics';
import { byNamespace, defineController, keysFrom } from '@timonel/sdk/controller';
import { horizontalPodAutoscalers, objectKey, pods } from '@timonel/sdk/kube';
import { autoscalerConfig } from './config.ts';
import { explain } from './explain.ts';
import type { Memory } from './memory.ts';
import { Observer, type Sources } from './observe.ts';
import { memoryAfter, reconcile } from './reconcile.ts';
import { statusAfter } from './status.ts';

/** Scales workloads by what their pods use, or by any other metric: the horizontal pod autoscaler. */
const plugin: AnyPlugin = defineController({
  name: 'controller-horizontalpodautoscaler',
  version: '0.1.0',
  description:
    'Scales what has replicas by resource, custom and external metrics, as its HorizontalPodAutoscaler says.',
  component: 'horizontal-pod-autoscaler',
  subject: horizontalPodAutoscalers,
  optional: { resources: resourceProvider, objectMetrics, externalMetrics },
  config: autoscalerConfig,
  // They mostly wait for metrics, some perhaps for long.
  workers: 32,
  inputs({ informers, api, env, signal, config, deps }) {
    const sources: Sources = {
      autoscalers: informers.for(horizontalPodAutoscalers, { indexes: { namespace: byNamespace } }),
      pods: informers.for(pods, { indexes: { namespace: byNamespace } }),
      memories: new Map<string, Memory>(),
      env,
      signal,
      api,
      config,
      ...deps,
    };
    return { ...sources, observer: new Observer(sources) };
  },
  // Pods and metrics change all the time: they are looked at once in a period.
  sources: ({ autoscalers }) => [keysFrom(autoscalers, (autoscaler) => [objectKey(autoscaler)])],
  observe: (key, { observer }, now) => observer.observe(key, now),
  reconcile,
  status: statusAfter,
  remember: (observed, outcome, { memories }) => {
    memories.set(observed.key, memoryAfter(observed, outcome));
  },
  explain,
});

export default plugin;
