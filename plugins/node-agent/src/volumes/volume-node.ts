/** What this node tells a volume of a pod. */
import { errorMessage } from '@timonel/sdk';
import { VolumeError, type AccountToken, type TokenWish, type VolumeNode } from '@timonel/sdk/contracts/volume';
import type { Pod } from '@timonel/sdk/kube';
import { fieldValue, resourceValue, type NodeFacts } from '../container/field-ref.ts';
import type { ConfigSources } from '../container/sources.ts';
import { containerNamed } from '../plan/containers.ts';

export interface VolumeNodeParts {
  readonly pod: Pod;
  readonly facts: NodeFacts;
  readonly sources: ConfigSources;
  readonly token: (wish: TokenWish) => Promise<AccountToken>;
}

/** @throws VolumeError in place of what `give` throws */
function told(give: () => string): string {
  try {
    return give();
  } catch (error) {
    throw new VolumeError(errorMessage(error), { cause: error });
  }
}

export function volumeNode({ pod, facts, sources, token }: VolumeNodeParts): VolumeNode {
  return {
    name: facts.nodeName,
    allocatable: facts.allocatable,
    configMap: (namespace, name) => sources.configMap(namespace, name),
    secret: (namespace, name) => sources.secret(namespace, name),
    field: (path) => told(() => fieldValue(pod, path, facts)),
    resource(reference) {
      const { containerName = '' } = reference;
      const container = containerNamed(pod, containerName);
      if (container === undefined) throw new VolumeError(`container ${containerName} not found`);
      return told(() => resourceValue(container, reference, facts));
    },
    token,
  };
}
