/** authentication.k8s.io: who somebody is. */
import type { Clock } from '@timonel/sdk';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { Identity } from '@timonel/sdk/contracts/auth';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { answeredKind } from '../described-kind.ts';
import { fieldOf, itemsOf, textOf } from '../validation/loose.ts';
import { userJson } from './users.ts';

const group = 'authentication.k8s.io';

export const tokenReviewKind: ResourceDefinition = answeredKind(
  { group, kind: 'TokenReview', resource: 'tokenreviews', namespaced: false },
  async (review, context) => {
    const spec = fieldOf(review, 'spec');
    const token = textOf(fieldOf(spec, 'token'));
    if (token === '') throw new ApiError('BadRequest', 'token is required for TokenReview in authentication');
    const audiences = itemsOf(fieldOf(spec, 'audiences') as unknown[]).filter((item) => typeof item === 'string');
    const identity = await context.authenticate(token, audiences.length === 0 ? undefined : audiences);
    const status =
      identity === undefined
        ? { authenticated: false, error: 'nobody has this token', user: {} }
        : { authenticated: true, user: userJson(identity.user), ...audiencesOf(identity, audiences) };
    return { ...review, status } as KubeObject;
  },
);

/** For whom the token is, of those the review asks about. A token that says nothing of it is for all of them. */
function audiencesOf({ audiences }: Identity, asked: readonly string[]): { readonly audiences?: readonly string[] } {
  const meant = audiences ?? asked;
  return meant.length === 0 ? {} : { audiences: meant };
}

export function selfSubjectReviewKind(clock: Clock): ResourceDefinition {
  return answeredKind(
    { group, kind: 'SelfSubjectReview', resource: 'selfsubjectreviews', namespaced: false },
    (review, context) => {
      const metadata = { ...review.metadata, creationTimestamp: clock.timestamp() };
      return Promise.resolve({ ...review, metadata, status: { userInfo: userJson(context.user) } } as KubeObject);
    },
  );
}
