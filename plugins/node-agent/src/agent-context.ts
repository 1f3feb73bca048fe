import type { Many, OptionalRef, PluginContext } from '@timonel/sdk';
import type { NodeDevices } from '@timonel/sdk/contracts/devices';
import type { NodePart } from '@timonel/sdk/contracts/node-parts';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ClusterDns } from '@timonel/sdk/contracts/dns';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { NetworkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { VolumeDriver, VolumeKind } from '@timonel/sdk/contracts/volume';
import type { AgentConfig } from './config.ts';

/** The parts of the context that are used. */
export interface AgentContext extends Pick<
  PluginContext,
  'name' | 'log' | 'env' | 'signal' | 'dataDir' | 'reportFault'
> {
  readonly config: AgentConfig;
  readonly deps: {
    readonly api: ApiClient;
    readonly runtimes: Many<ContainerRuntime>;
    readonly images: ImageService;
    readonly network: PodNetwork;
    readonly dns: OptionalRef<ClusterDns>;
    readonly policies: OptionalRef<NetworkPolicyEnforcer>;
    readonly volumes: Many<VolumeDriver>;
    readonly volumeKinds: Many<VolumeKind>;
    readonly devices: OptionalRef<NodeDevices>;
    readonly nodeParts: Many<NodePart>;
  };
}
