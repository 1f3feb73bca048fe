import type { NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';

const refuse = (): Promise<never> => Promise.reject(new ApiError('ServiceUnavailable', 'this node refuses'));

/** The calls of a node that a test is not about: all are refused. */
export const refusingNode: Omit<NodeEndpoint, 'nodeName' | 'logs'> = Object.freeze({
  exec: refuse,
  attach: refuse,
  portForward: refuse,
  usage: refuse,
});
