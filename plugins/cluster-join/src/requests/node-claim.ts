/**
 * Who may have a node name. The Node object says by an annotation which key its machine has. A name is free, or belongs to the machine
 * with that key; another machine gets it only after somebody has deleted the Node.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { nodeKeyAnnotation } from '@timonel/sdk/join';
import { ApiError, isAlreadyExists, isConflict, isNotFound, nodes, type Node } from '@timonel/sdk/kube';

const rounds = 5;
const fieldManager = 'cluster-join';

function nameTaken(name: string): ApiError {
  return new ApiError(
    'Conflict',
    `the node name "${name}" belongs to another machine: choose another by --node-name, or, if that machine is gone, free the name by \`kubectl delete node ${name}\``,
  );
}

function registeredKey(node: Node): string | undefined {
  const key = node.metadata.annotations?.[nodeKeyAnnotation];
  return key === '' ? undefined : key;
}

async function find(api: ApiClient, name: string): Promise<Node | undefined> {
  try {
    return await api.get(nodes, { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** False: somebody else was faster, look again. */
async function write(
  api: ApiClient,
  found: Node | undefined,
  name: string,
  key: string,
  spec: Node['spec'],
): Promise<boolean> {
  const annotations = { ...found?.metadata.annotations, [nodeKeyAnnotation]: key };
  try {
    if (found === undefined) {
      const made = { apiVersion: 'v1', kind: 'Node', metadata: { name, annotations }, spec };
      await api.create(nodes, made, { fieldManager });
    } else {
      // With the resourceVersion that was read: of two machines at once only one gets the name.
      await api.update(nodes, { ...found, metadata: { ...found.metadata, annotations } }, { fieldManager });
    }
    return true;
  } catch (error) {
    if (isAlreadyExists(error) || isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}

/**
 * Makes the Node, or takes it over. `ownKeys`: keys that the caller has proved to have; the first is written down.
 * `spec`: of a Node that is made.
 * @throws ApiError Conflict when the name is another machine's
 */
export async function claimNode(
  api: ApiClient,
  name: string,
  ownKeys: readonly string[],
  spec: Node['spec'] = {},
): Promise<void> {
  const [key = ''] = ownKeys;
  for (let round = 0; round < rounds; round++) {
    const found = await find(api, name);
    const registered = found === undefined ? undefined : registeredKey(found);
    if (registered === key) return;
    if (registered !== undefined && !ownKeys.includes(registered)) throw nameTaken(name);
    if (await write(api, found, name, key, spec)) return;
  }
  throw new ApiError('ServiceUnavailable', `the node "${name}" is being changed by others: try again`);
}
