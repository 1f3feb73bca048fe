import type { Many } from '@timonel/sdk';
import type { NodeEndpoint, NodeInspection } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';

const away = (): ApiError => new ApiError('ServiceUnavailable', 'the node agent does not run at the moment');

/** @throws ApiError ServiceUnavailable */
export function nodeIn({ nodes }: { readonly nodes: Many<NodeEndpoint> }): NodeEndpoint {
  const [node] = nodes.all();
  if (node === undefined) throw away();
  return node.service;
}

/** @throws ApiError ServiceUnavailable */
export function inspectionIn({ inspections }: { readonly inspections: Many<NodeInspection> }): NodeInspection {
  const [node] = inspections.all();
  if (node === undefined) throw away();
  return node.service;
}
