/** What this node tells a volume of a pod, and what of it the volume depends on. */
import { errorMessage } from '@timonel/sdk';
import { VolumeError, type AccountToken, type TokenWish, type VolumeNode } from '@timonel/sdk/contracts/volume';
import type { KubeObject, Pod } from '@timonel/sdk/kube';
import { sourceKey, type SourceKey } from '../checkpoint/references.ts';
import { fieldValue, resourceValue, type NodeFacts } from '../container/field-ref.ts';
import type { ConfigSources } from '../container/sources.ts';
import { containerNamed } from '../plan/containers.ts';
import type { FollowedKind, SeenVersion } from './followed-objects.ts';

export interface VolumeNodeParts {
  readonly pod: Pod;
  readonly facts: NodeFacts;
  readonly sources: ConfigSources;
  readonly token: (pod: Pod, wish: TokenWish) => Promise<AccountToken>;
}

/** The objects that were read, and the versions they had. */
export type Reads = Map<SourceKey, SeenVersion>;

/** @throws VolumeError in place of what `give` throws */
function told(give: () => string): string {
  try {
    return give();
  } catch (error) {
    throw new VolumeError(errorMessage(error), { cause: error });
  }
}

export async function noted<T extends KubeObject>(
  reads: Reads,
  [kind, namespace, name]: readonly [FollowedKind, string, string],
  read: Promise<T | undefined>,
): Promise<T | undefined> {
  const key = sourceKey(kind, namespace, name);
  reads.set(key, undefined);
  const object = await read;
  reads.set(key, object?.metadata.resourceVersion);
  return object;
}

export function volumeNode({ pod, facts, sources, token }: VolumeNodeParts, reads: Reads): VolumeNode {
  return {
    name: facts.nodeName,
    allocatable: facts.allocatable,
    configMap: (namespace, name) => noted(reads, ['configmaps', namespace, name], sources.configMap(namespace, name)),
    secret: (namespace, name) => noted(reads, ['secrets', namespace, name], sources.secret(namespace, name)),
    field: (path) => told(() => fieldValue(pod, path, facts)),
    resource(reference) {
      const { containerName = '' } = reference;
      const container = containerNamed(pod, containerName);
      if (container === undefined) throw new VolumeError(`container ${containerName} not found`);
      return told(() => resourceValue(container, reference, facts));
    },
    token: (wish) => token(pod, wish),
  };
}
