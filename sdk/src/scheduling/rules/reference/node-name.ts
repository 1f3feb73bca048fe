import type { ReferenceFilter } from './one-node.ts';

export const nodeNameReference: ReferenceFilter = (pod, { node }) => {
  if (!pod.spec.nodeName || pod.spec.nodeName === node.metadata.name) return [];
  return ["node(s) didn't match the requested node name"];
};
