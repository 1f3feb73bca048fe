/** The storage class, made when it is absent. What somebody has changed of it stays. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isApiAbsent } from '@timonel/sdk/controller';
import { isAlreadyExists, storageClasses, type StorageClass } from '@timonel/sdk/kube';
import { defaultClassMark, isDefaultClass } from '@timonel/sdk/volumes';
import type { LocalConfig } from './config.ts';
import { provisioner } from './names.ts';

export function classFor({ storageClass, isDefault, reclaimPolicy }: LocalConfig): StorageClass {
  return {
    metadata: { name: storageClass, ...(isDefault ? { annotations: { [defaultClassMark]: 'true' } } : {}) },
    provisioner,
    reclaimPolicy,
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  };
}

const retryMs = 1000;

/** The default class of a cluster stays that: of two the newer would be taken. */
async function ensureClass(api: ApiClient, config: LocalConfig): Promise<void> {
  const { items } = await api.list(storageClasses);
  if (items.some(({ metadata }) => metadata.name === config.storageClass)) return;
  const isDefault = config.isDefault && !items.some(isDefaultClass);
  try {
    await api.create(storageClasses, classFor({ ...config, isDefault }), { fieldManager: 'volumes-local' });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

export interface InitialObjects {
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Host {
  readonly env: Env;
  readonly signal: AbortSignal;
  reportFault(error: unknown): void;
}

export function initialObjects(host: Host, api: ApiClient, config: LocalConfig): InitialObjects {
  const stop = new AbortController();
  const signal = AbortSignal.any([host.signal, stop.signal]);
  let later: Promise<void> | undefined;
  /** False: the API is away. */
  const ensured = async (): Promise<boolean> => {
    try {
      if (config.storageClass !== '') await ensureClass(api, config);
      return true;
    } catch (error) {
      if (!isApiAbsent(error)) throw error;
      return false;
    }
  };
  const retry = async (): Promise<void> => {
    for (let done = false; !done && !signal.aborted;) {
      await host.env.timers.sleep(retryMs, signal).catch(() => undefined);
      if (!signal.aborted) done = await ensured().catch((error: unknown) => (host.reportFault(error), false));
    }
  };
  return {
    async start() {
      // An API that is away must not keep the node from starting.
      if (!(await ensured())) later = retry();
    },
    async stop() {
      stop.abort();
      await later;
    },
  };
}
