/** authorization.k8s.io: what somebody may do. The answer is that of the hook `api.access.decide`. */
import type { AccessAttributes, AnswerContext, ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { answeredKind } from '../described-kind.ts';
import { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, textOf } from '../validation/loose.ts';
import { userIn } from './users.ts';

const group = 'authorization.k8s.io';

interface Question {
  readonly kind: string;
  readonly review: KubeObject;
  readonly user: UserInfo;
}

/** @throws ApiError Invalid */
function refuse(kind: string, found: Findings): void {
  const causes = found.all();
  if (causes.length === 0) return;
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  throw new ApiError('Invalid', `${kind}.${group} "" is invalid: ${list}`, { group, kind, causes });
}

function attributesOf({ review, user, kind }: Question, found: Findings): AccessAttributes {
  const spec = fieldOf(review, 'spec');
  const [resource, path] = [fieldOf(spec, 'resourceAttributes'), fieldOf(spec, 'nonResourceAttributes')];
  if (isObject(resource) === isObject(path))
    found.invalid('spec', spec ?? {}, 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  if (!kind.startsWith('Self') && user.username === '' && user.groups.length === 0)
    found.invalid('spec.user', user.username, 'at least one of user or group must be specified');
  const text = (name: string): string => textOf(fieldOf(resource, name));
  if (isObject(path)) {
    const nothing = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
    return { user, ...nothing, verb: textOf(fieldOf(path, 'verb')), path: textOf(fieldOf(path, 'path')) };
  }
  return {
    user,
    verb: text('verb'),
    group: text('group'),
    version: text('version'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

async function decided(question: Question, context: AnswerContext): Promise<KubeObject> {
  const found = new Findings();
  const attributes = attributesOf(question, found);
  if (question.kind === 'LocalSubjectAccessReview' && attributes.namespace !== context.namespace)
    found.invalid('spec.resourceAttributes.namespace', attributes.namespace, 'must match metadata.namespace');
  refuse(question.kind, found);
  const { allowed, reason } = await context.authorize(attributes);
  return { ...question.review, status: { allowed, reason } } as KubeObject;
}

function reviewKind(kind: string, resource: string, namespaced: boolean): ResourceDefinition {
  return answeredKind({ group, kind, resource, namespaced }, (review, context) => {
    const user = kind.startsWith('Self') ? context.user : userIn(fieldOf(review, 'spec'));
    return decided({ kind, review, user }, context);
  });
}

const rulesReviewKind: ResourceDefinition = answeredKind(
  { group, kind: 'SelfSubjectRulesReview', resource: 'selfsubjectrulesreviews', namespaced: false },
  async (review, context) => {
    const namespace = textOf(fieldOf(fieldOf(review, 'spec'), 'namespace'));
    if (namespace === '') throw new ApiError('BadRequest', 'no namespace on request');
    return { ...review, status: await context.rulesFor(context.user, namespace) } as unknown as KubeObject;
  },
);

export const accessReviewKinds: readonly ResourceDefinition[] = [
  reviewKind('SubjectAccessReview', 'subjectaccessreviews', false),
  reviewKind('SelfSubjectAccessReview', 'selfsubjectaccessreviews', false),
  reviewKind('LocalSubjectAccessReview', 'localsubjectaccessreviews', true),
  rulesReviewKind,
];
