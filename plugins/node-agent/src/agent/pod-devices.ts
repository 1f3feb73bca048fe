/** Devices of pods: asked for before anything is made, given back when nothing of the pod runs any more. */
import { errorMessage, type Logger, type OptionalRef } from '@timonel/sdk';
import type { DeviceGrant, DeviceRefusal, NodeDevices } from '@timonel/sdk/contracts/devices';
import type { Pod } from '@timonel/sdk/kube';
import { isFinished } from '../plan/containers.ts';
import type { PodView } from '../plan/view.ts';

export interface PodDevicesParts {
  /** Absent: the node has none that pods could ask it for. */
  readonly devices: Pick<OptionalRef<NodeDevices>, 'current'>;
  readonly log: Logger;
  /** Uids of all pods that this node has anything to do with. Undefined: they are not known for certain. */
  present(): ReadonlySet<string> | undefined;
}

export class PodDevices {
  readonly #parts: PodDevicesParts;

  constructor(parts: PodDevicesParts) {
    this.#parts = parts;
  }

  async refusal(pod: Pod): Promise<DeviceRefusal | undefined> {
    return this.#parts.devices.current?.allocate(pod, this.#parts.present());
  }

  /** @throws DeviceError */
  async grant(pod: Pod, container: string): Promise<DeviceGrant | undefined> {
    return this.#parts.devices.current?.grant(pod, container);
  }

  /** A pod came to rest: one that is over needs no devices, though its object stays. */
  settled(view: PodView): void {
    const isOver = isFinished(view) && view.containers.every(({ state }) => state === 'exited');
    if (isOver) this.release(view.pod);
  }

  release(pod: Pod): void {
    const { name, namespace, uid = '' } = pod.metadata;
    this.#parts.devices.current?.release(uid).catch((error: unknown) => {
      this.#parts.log.warn({ pod: name, namespace, error: errorMessage(error) }, 'devices of a pod not given back');
    });
  }
}
