/** The leases of fake nodes, as kubelets keep them: signs of life. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isAlreadyExists, isNotFound, leases } from '@timonel/sdk/kube';

const namespace = 'kube-node-lease';

export interface Renewal {
  readonly api: ApiClient;
  readonly names: Iterable<string>;
  readonly renewTime: string;
  readonly leaseDurationSeconds: number;
  /** At a time. */
  readonly writes: number;
  readonly signal: AbortSignal;
}

async function renewOne({ api, renewTime, leaseDurationSeconds }: Renewal, name: string): Promise<void> {
  const spec = { holderIdentity: name, leaseDurationSeconds, renewTime };
  try {
    await api.patch(leases, { namespace, name }, { type: 'merge', body: { spec } }, { fieldManager: 'runtime-fake' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const made = api.create(leases, { metadata: { namespace, name }, spec }, { fieldManager: 'runtime-fake' });
    await made.catch((refused: unknown) => {
      if (!isAlreadyExists(refused)) throw refused;
    });
  }
}

/** Renews the lease of every node, or makes it. @throws what the API throws */
export async function renewLeases(renewal: Renewal): Promise<void> {
  const names = renewal.names[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = names.next(); next.done !== true && !renewal.signal.aborted; next = names.next()) {
      await renewOne(renewal, next.value);
    }
  };
  await Promise.all(Array.from({ length: renewal.writes }, worker));
}
