import type { NodeEndpoint, PodReference } from '@timonel/sdk/contracts/node';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { objectOf, textOf } from '../validation/loose.ts';
import type { SubresourceServices } from './subresources.ts';

/** The node in this process, or as a resolver finds it. Undefined: nobody knows it. @throws ApiError ServiceUnavailable */
async function nodeNamed(services: SubresourceServices, nodeName: string): Promise<NodeEndpoint | undefined> {
  const here = services.nodes().find(({ service }) => service.nodeName() === nodeName);
  if (here !== undefined) return here.service;
  for (const { service } of services.resolvers()) {
    const found = await service.resolve(nodeName);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The node that a pod runs on. @throws ApiError BadRequest, ServiceUnavailable */
export async function nodeOf(services: SubresourceServices, pod: Pod): Promise<NodeEndpoint> {
  const name = textOf(pod.metadata.name);
  const nodeName = textOf(objectOf(pod.spec).nodeName);
  if (nodeName === '') throw new ApiError('BadRequest', `pod ${name} does not have a host assigned`);
  const node = await nodeNamed(services, nodeName);
  if (node !== undefined) return node;
  throw new ApiError('ServiceUnavailable', `no connection to node "${nodeName}", on which pod ${name} runs`);
}

export function referenceTo({ metadata }: Pod): PodReference {
  const { namespace = '', name = '', uid = '' } = metadata;
  return { namespace, name, uid };
}
