/** What the API answers at once: who has a token, and what somebody may do. */
import { defineResource, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

export interface ReviewedUser {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface TokenReview extends KubeObject {
  readonly spec: { readonly token: string };
  readonly status?: { readonly authenticated?: boolean; readonly user?: ReviewedUser };
}

export interface SubjectAccessReview extends KubeObject {
  readonly spec: object;
  readonly status?: { readonly allowed?: boolean };
}

export const tokenReviews: ResourceType<TokenReview> = defineResource<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
});

export const subjectAccessReviews: ResourceType<SubjectAccessReview> = defineResource<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
});
