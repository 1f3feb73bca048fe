/** What those see who look at this node as they look at a kubelet. */
import type { NodeInspection } from '@timonel/sdk/contracts/node';
import type { Pod } from '@timonel/sdk/kube';
import type { Agent } from '../agent/agent.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';
import type { AgentConfig } from '../config.ts';
import type { Probes } from '../probes/probes.ts';
import { podStatus } from '../status/pod-status.ts';
import { nodeStats } from './node-stats.ts';

export interface InspectionParts {
  readonly services: AgentServices;
  readonly agent: Agent;
  readonly probes: Probes;
  readonly config: AgentConfig;
  readonly machine: { readonly memoryBytes: number };
}

export function inspectionOf(parts: InspectionParts): NodeInspection {
  const { services, agent, probes, config } = parts;
  const shown = (worker: PodWorker): Pod => {
    const status = podStatus(worker.view(), services.nodeAddress(), services.env.clock.now(), services.nodeAddress6());
    return { ...worker.pod(), status: { ...worker.pod().status, ...status } };
  };
  return {
    pods: async () => agent.workers().map(shown),
    stats: () => nodeStats(parts),
    probes: async () => probes.counts(),
    configuration: async () => configurationOf(config),
  };
}

/** Fields of KubeletConfiguration, kubelet.config.k8s.io/v1beta1, that this node heeds. */
function configurationOf(config: AgentConfig): Readonly<Record<string, unknown>> {
  const { clusterDomain, maxPods, podPidsLimit, seccompDefault, serializeImagePulls, maxParallelImagePulls } = config;
  const { imageGCHighThresholdPercent, imageGCLowThresholdPercent, allowedUnsafeSysctls, swapBehavior } = config;
  const { imagePullCredentialsVerificationPolicy, memoryThrottlingFactor } = config;
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    port: config.serverPort,
    clusterDomain,
    maxPods,
    podPidsLimit,
    seccompDefault,
    serializeImagePulls,
    maxParallelImagePulls,
    imagePullCredentialsVerificationPolicy,
    imageGCHighThresholdPercent,
    imageGCLowThresholdPercent,
    allowedUnsafeSysctls,
    memoryThrottlingFactor,
    memorySwap: { swapBehavior },
    nodeStatusReportFrequency: `${config.statusIntervalMs / 1000}s`,
  };
}
