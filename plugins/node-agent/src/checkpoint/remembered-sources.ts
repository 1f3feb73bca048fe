/** ConfigMaps, Secrets, claims and others from the API; while it is away, as they were seen last. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  apiErrorReason,
  configMaps,
  isNotFound,
  persistentVolumeClaims,
  persistentVolumes,
  secrets,
  serviceAccounts,
  type ConfigMap,
  type KubeObject,
  type ResourceType,
  type RuntimeClass,
  type Secret,
  type ServiceAccount,
} from '@timonel/sdk/kube';
import type { BoundClaim, ConfigSources } from '../container/sources.ts';
import { sourceKey, type SourceKey } from './references.ts';

/** `null`: the API said that there is no such object. */
export type RememberedSource = ConfigMap | Secret | BoundClaim | RuntimeClass | ServiceAccount | null;

export class RememberedSources implements ConfigSources {
  readonly #api: ApiClient;
  readonly #known: Map<SourceKey, RememberedSource>;
  readonly #changed: () => void;

  constructor(api: ApiClient, known: ReadonlyMap<SourceKey, RememberedSource>, changed: () => void) {
    this.#api = api;
    this.#known = new Map(known);
    this.#changed = changed;
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read(sourceKey('configmaps', namespace, name), () => found(this.#api, configMaps, namespace, name));
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#read(sourceKey('secrets', namespace, name), () => found(this.#api, secrets, namespace, name));
  }

  claim(namespace: string, name: string): Promise<BoundClaim | undefined> {
    return this.#read(sourceKey('persistentvolumeclaims', namespace, name), () => this.#bound(namespace, name));
  }

  serviceAccount(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    return this.#read(sourceKey('serviceaccounts', namespace, name), () =>
      found(this.#api, serviceAccounts, namespace, name),
    );
  }

  runtimeClass(name: string, load: () => Promise<RuntimeClass | undefined>): Promise<RuntimeClass | undefined> {
    return this.#read(sourceKey('runtimeclasses', '', name), load);
  }

  /** Those that are wanted still; the others are forgotten. */
  retain(named: ReadonlySet<SourceKey>): ReadonlyMap<SourceKey, RememberedSource> {
    const wanted = new Set(named);
    for (const key of named) for (const secret of pullSecretsOf(this.#known.get(key))) wanted.add(secret);
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key);
    return this.#known;
  }

  async #bound(namespace: string, name: string): Promise<BoundClaim | undefined> {
    const claim = await found(this.#api, persistentVolumeClaims, namespace, name);
    const volumeName = claim?.spec?.volumeName ?? '';
    if (claim === undefined || volumeName === '') return claim;
    const volume = await found(this.#api, persistentVolumes, undefined, volumeName);
    return volume === undefined ? claim : { ...claim, volume };
  }

  async #read<T extends NonNullable<RememberedSource>>(
    key: SourceKey,
    load: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    try {
      const object = await load();
      this.#remember(key, object ?? null);
      return object;
    } catch (error) {
      const known = this.#known.get(key);
      // A node that may not read an object any more must not go on using it.
      if (known === undefined || apiErrorReason(error) === 'Forbidden') throw error;
      return (known ?? undefined) as T | undefined;
    }
  }

  #remember(key: SourceKey, object: RememberedSource): void {
    const before = this.#known.get(key);
    const same = before !== undefined && before?.metadata.resourceVersion === object?.metadata.resourceVersion;
    this.#known.set(key, object);
    if (!same) this.#changed();
  }
}

function pullSecretsOf(source: RememberedSource | undefined): SourceKey[] {
  const { metadata, imagePullSecrets = [] } = (source ?? { metadata: {} }) as ServiceAccount;
  return imagePullSecrets.flatMap(({ name = '' }) =>
    name === '' ? [] : [sourceKey('secrets', metadata.namespace ?? '', name)],
  );
}

async function found<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  namespace: string | undefined,
  name: string,
): Promise<T | undefined> {
  try {
    return await api.get(type, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
