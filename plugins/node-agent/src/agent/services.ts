/** What the parts of the agent share. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { DnsResolver } from '@timonel/sdk/contracts/dns';
import type { NetworkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type { Env, Logger } from '@timonel/sdk';
import type { Pod, Quantities } from '@timonel/sdk/kube';
import type { OwnNode } from '../admission/own-node.ts';
import type { NodeAbilities, Rejection } from '../admission/rejection.ts';
import type { NodePolicy } from '../container/node-policy.ts';
import type { KnownServices } from '../container/known-services.ts';
import type { ConfigSources } from '../container/sources.ts';
import type { ImagePuller } from '../images/puller.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { IdRanges } from './id-ranges.ts';
import type { NodeRoom } from './node-room.ts';
import type { PodDevices } from './pod-devices.ts';
import type { RuntimeClasses } from './runtime-classes.ts';
import type { Runtimes } from './runtimes.ts';
import type { Semaphore } from './semaphore.ts';

export type EventType = 'Normal' | 'Warning';

export interface AgentServices {
  readonly nodeName: string;
  readonly clusterDomain: string;
  /** What pods resolve the cluster's names by. Undefined: nothing does on this node. */
  dns(): DnsResolver | undefined;
  /** What enforces network policies. Undefined: nothing does on this node. */
  policies(): NetworkPolicyEnforcer | undefined;
  readonly env: Env;
  readonly log: Logger;
  readonly api: ApiClient;
  readonly puller: ImagePuller;
  readonly network: PodNetwork;
  readonly runtimes: Runtimes;
  readonly classes: Pick<RuntimeClasses, 'handlerOf'>;
  readonly ids: IdRanges;
  readonly sources: ConfigSources;
  readonly serviceLinks: Pick<KnownServices, 'variables'>;
  readonly volumes: PodVolumes;
  readonly devices: PodDevices;
  readonly room: NodeRoom;
  /** Bound of pods worked on at the same time. */
  readonly bound: Semaphore;
  /** Absolute. One folder a pod: `pods/<uid>`, `logs/<namespace>_<name>_<uid>`. */
  readonly dataDir: string;
  nodeAddress(): string;
  /** Undefined: pods have addresses of IPv4 alone. */
  nodeAddress6(): string | undefined;
  allocatable(): Quantities;
  readonly policy: NodePolicy;
  readonly abilities: NodeAbilities;
  readonly ownNode: Pick<OwnNode, 'seenFor'>;
  /** Why the node takes no more pods like this now. Undefined: it does. */
  readonly refusal: (pod: Pod) => Rejection | undefined;
  event(pod: Pod, type: EventType, reason: string, message: string): void;
  reportFault(error: unknown): void;
}
