/** admissionregistration.k8s.io/v1: who is asked about requests. */
import type { WebhookClientConfig } from './extensions.ts';
import { defineResource, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';

/** Which requests are meant. Source: admissionregistration/v1 RuleWithOperations, NamedRuleWithOperations. */
export interface AdmissionRule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  resourceNames?: string[];
  /** Default `*`. */
  scope?: string;
}

export interface MatchCondition {
  name: string;
  expression: string;
}

/** Source: admissionregistration/v1 MutatingWebhook, ValidatingWebhook. */
export interface AdmissionWebhook {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: AdmissionRule[];
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  sideEffects: string;
  timeoutSeconds?: number;
  admissionReviewVersions: string[];
  matchConditions?: MatchCondition[];
  /** Of those that mutate. */
  reinvocationPolicy?: string;
}

export interface WebhookConfiguration extends KubeObject {
  webhooks?: AdmissionWebhook[];
}

const shared = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false };

export const mutatingWebhookConfigurations: ResourceType<WebhookConfiguration> = defineResource<WebhookConfiguration>({
  ...shared,
  kind: 'MutatingWebhookConfiguration',
  resource: 'mutatingwebhookconfigurations',
});

export const validatingWebhookConfigurations: ResourceType<WebhookConfiguration> = defineResource<WebhookConfiguration>(
  {
    ...shared,
    kind: 'ValidatingWebhookConfiguration',
    resource: 'validatingwebhookconfigurations',
  },
);

/** Which requests a policy or a binding is about. Source: admissionregistration/v1 MatchResources. */
export interface MatchResources {
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  resourceRules?: AdmissionRule[];
  excludeResourceRules?: AdmissionRule[];
  matchPolicy?: string;
}

export interface PolicyValidation {
  expression: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
}

export interface ValidatingAdmissionPolicy extends KubeObject {
  spec: {
    paramKind?: { apiVersion: string; kind: string };
    matchConstraints?: MatchResources;
    matchConditions?: MatchCondition[];
    variables?: { name: string; expression: string }[];
    validations?: PolicyValidation[];
    auditAnnotations?: { key: string; valueExpression: string }[];
    failurePolicy?: string;
  };
  status?: {
    observedGeneration?: number;
    typeChecking?: { expressionWarnings?: ExpressionWarning[] };
  };
}

/** Where an expression does not fit the kinds that its policy is about. */
export interface ExpressionWarning {
  fieldRef: string;
  warning: string;
}

/** Source: admissionregistration/v1 Mutation. */
export interface PolicyMutation {
  /** `ApplyConfiguration` or `JSONPatch`. */
  patchType: string;
  applyConfiguration?: { expression: string };
  jsonPatch?: { expression: string };
}

export interface MutatingAdmissionPolicy extends KubeObject {
  spec: {
    paramKind?: { apiVersion: string; kind: string };
    matchConstraints?: MatchResources;
    matchConditions?: MatchCondition[];
    variables?: { name: string; expression: string }[];
    mutations?: PolicyMutation[];
    failurePolicy?: string;
    /** `IfNeeded` or `Never`. */
    reinvocationPolicy?: string;
  };
}

export interface PolicyParameters {
  name?: string;
  namespace?: string;
  selector?: LabelSelector;
  /** `Allow` or `Deny`. */
  parameterNotFoundAction?: string;
}

export interface ValidatingAdmissionPolicyBinding extends KubeObject {
  spec: {
    policyName: string;
    paramRef?: PolicyParameters;
    matchResources?: MatchResources;
    validationActions?: string[];
  };
}

export interface MutatingAdmissionPolicyBinding extends KubeObject {
  spec: {
    policyName: string;
    paramRef?: PolicyParameters;
    matchResources?: MatchResources;
  };
}

export const mutatingAdmissionPolicies: ResourceType<MutatingAdmissionPolicy> = defineResource<MutatingAdmissionPolicy>(
  {
    ...shared,
    kind: 'MutatingAdmissionPolicy',
    resource: 'mutatingadmissionpolicies',
  },
);

export const mutatingAdmissionPolicyBindings: ResourceType<MutatingAdmissionPolicyBinding> =
  defineResource<MutatingAdmissionPolicyBinding>({
    ...shared,
    kind: 'MutatingAdmissionPolicyBinding',
    resource: 'mutatingadmissionpolicybindings',
  });

export const validatingAdmissionPolicies: ResourceType<ValidatingAdmissionPolicy> =
  defineResource<ValidatingAdmissionPolicy>({
    ...shared,
    kind: 'ValidatingAdmissionPolicy',
    resource: 'validatingadmissionpolicies',
  });

export const validatingAdmissionPolicyBindings: ResourceType<ValidatingAdmissionPolicyBinding> =
  defineResource<ValidatingAdmissionPolicyBinding>({
    ...shared,
    kind: 'ValidatingAdmissionPolicyBinding',
    resource: 'validatingadmissionpolicybindings',
  });
