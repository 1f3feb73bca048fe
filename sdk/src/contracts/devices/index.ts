/** Devices of a node that pods ask for as extended resources: `example.com/gpu: 1`. How many there are is told as a node part. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Pod } from '../../kube/index.ts';
import type { Device } from '../runtime/index.ts';

/** What a container gets for its devices. */
export interface DeviceGrant {
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly hostPath: string; readonly containerPath: string; readonly readOnly: boolean }[];
  readonly devices: readonly Device[];
}

/** Reason and message of the status of a pod that cannot have its devices. */
export interface DeviceRefusal {
  readonly reason: string;
  readonly message: string;
}

export interface NodeDevices {
  /**
   * Before anything is made for the pod: sets devices aside for all its containers, for as long as it lives. Again: it keeps those that it has.
   * `present`: uids of the pods of this node; what others had is free. Undefined: they are not known for certain.
   */
  allocate(pod: Pod, present: ReadonlySet<string> | undefined): Promise<DeviceRefusal | undefined>;
  /**
   * Before each start of a container. Undefined: it has no devices. @throws DeviceError when they cannot be used now: to be tried again
   */
  grant(pod: Pod, container: string): Promise<DeviceGrant | undefined>;
  /** The pod's containers are gone for good. Unknown: no error. */
  release(podUid: string): Promise<void>;
}

/** Token of what gives devices of this node to pods. */
export const nodeDevices: ServiceToken<NodeDevices, 'one'> = defineService<NodeDevices>('node-devices', {
  major: 1,
  cardinality: 'one',
});

/** The devices of a container cannot be used now. Recognise it by `name`. */
export class DeviceError extends Error {
  override readonly name: string = 'DeviceError';
}
