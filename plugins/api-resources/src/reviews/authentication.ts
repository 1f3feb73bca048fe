/** authentication.k8s.io: who somebody is. */
import type { Clock } from '@timonel/sdk';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { Identity } from '@timonel/sdk/contracts/auth';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { answeredKind } from '../described-kind.ts';
import { fieldOf, itemsOf, textOf } from '../validation/loose.ts';
import { userJson } from './users.ts';

const group = 'authentication.k8s.io';

/** `ownAudiences`: those of the API server. */
export function tokenReviewKind(ownAudiences: () => readonly string[]): ResourceDefinition {
  return answeredKind(
    { group, kind: 'TokenReview', resource: 'tokenreviews', namespaced: false },
    async (review, context) => {
      const spec = fieldOf(review, 'spec');
      const token = textOf(fieldOf(spec, 'token'));
      if (token === '') throw new ApiError('BadRequest', 'token is required for TokenReview in authentication');
      const asked = itemsOf(fieldOf(spec, 'audiences') as unknown[]).filter((item) => typeof item === 'string');
      const identity = await context.authenticate(token, asked.length === 0 ? undefined : asked);
      return { ...review, status: statusOf(identity, asked, ownAudiences()) } as KubeObject;
    },
  );
}

const refused = (error: string): object => ({ authenticated: false, error, user: {} });

/** A token that says of nobody that it is for them is for the API server alone. */
function statusOf(identity: Identity | undefined, asked: readonly string[], own: readonly string[]): object {
  if (identity === undefined) return refused('nobody has this token');
  const audiences = identity.audiences ?? asked.filter((audience) => own.includes(audience));
  if (audiences.length === 0 && asked.length > 0) return refused('the token is for none of the audiences');
  return { authenticated: true, user: userJson(identity.user), ...(audiences.length === 0 ? {} : { audiences }) };
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
