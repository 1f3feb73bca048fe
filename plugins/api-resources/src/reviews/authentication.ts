/** authentication.k8s.io: who somebody is. */
import type { Clock } from '@timonel/sdk';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { answeredKind } from '../described-kind.ts';
import { fieldOf, textOf } from '../validation/loose.ts';
import { userJson } from './users.ts';

const group = 'authentication.k8s.io';

export const tokenReviewKind: ResourceDefinition = answeredKind(
  { group, kind: 'TokenReview', resource: 'tokenreviews', namespaced: false },
  async (review, context) => {
    const spec = fieldOf(review, 'spec');
    const token = textOf(fieldOf(spec, 'token'));
    if (token === '') throw new ApiError('BadRequest', 'token is required for TokenReview in authentication');
    const user = await context.authenticate(token);
    const audiences = fieldOf(spec, 'audiences');
    const status =
      user === undefined
        ? { authenticated: false, error: 'nobody has this token', user: {} }
        : { authenticated: true, user: userJson(user), ...(audiences === undefined ? {} : { audiences }) };
    return { ...review, status } as KubeObject;
  },
);

export function selfSubjectReviewKind(clock: Clock): ResourceDefinition {
  return answeredKind(
    { group, kind: 'SelfSubjectReview', resource: 'selfsubjectreviews', namespaced: false },
    (review, context) => {
      const metadata = { ...review.metadata, creationTimestamp: clock.timestamp() };
      return Promise.resolve({ ...review, metadata, status: { userInfo: userJson(context.user) } } as KubeObject);
    },
  );
}
