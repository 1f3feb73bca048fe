import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Identity, UserInfo } from '../auth/index.ts';

/** What somebody wants to do. Of a request to a resource or, with `path`, to anything else. */
export interface AccessAttributes {
  readonly user: UserInfo;
  /** `get`, `list`, `create`, …; of paths that are no resources the HTTP method in lower case. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty: all namespaces, or a cluster-scoped resource. */
  readonly namespace: string;
  /** Empty: all names. */
  readonly name: string;
  /** Set for requests to paths that are no resources. */
  readonly path?: string;
  /** Of a list or watch, as it was sent. */
  readonly fieldSelector?: string;
}

/** An answer to {@link AccessAttributes}. `reason`: one sentence, or nothing. */
export interface AccessDecision {
  readonly allowed: boolean;
  readonly reason: string;
  /** Of a refusal because it could not be judged: when to ask again. */
  readonly retryAfterSeconds?: number;
}

/** What somebody may do with resources. Source: authorization.k8s.io/v1 ResourceRule. */
export interface ResourceAccessRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** What somebody may do with paths that are no resources. */
export interface PathAccessRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** All that somebody may do in a namespace, as far as it can be said by rules. */
export interface AccessRules {
  readonly resourceRules: readonly ResourceAccessRule[];
  readonly nonResourceRules: readonly PathAccessRule[];
  /** There is more than the rules say. */
  readonly incomplete: boolean;
  /** Why some rules could not be found out. */
  readonly evaluationError?: string;
}

/** Who decides by rules can list them: `kubectl auth can-i --list`. */
export interface AccessRuleSource {
  rulesFor(user: UserInfo, namespace: string): Promise<AccessRules>;
}

/** Token of those who can list rules. */
export const accessRuleSource: ServiceToken<AccessRuleSource, 'many'> = defineService<AccessRuleSource, 'many'>(
  'api.access.rules',
  { major: 1, cardinality: 'many' },
);

/** What the server knows and a kind that is only answered may ask. */
export interface AnswerContext {
  readonly user: UserInfo;
  readonly namespace: string | undefined;
  readonly dryRun: boolean;
  /** Whom a bearer token belongs to; undefined: nobody. `audiences`: for whom it must be meant; absent: for the API server. */
  authenticate(bearerToken: string, audiences?: readonly string[]): Promise<Identity | undefined>;
  /** Whether somebody may do something, by the hook `api.access.decide`. */
  authorize(attributes: AccessAttributes): Promise<AccessDecision>;
  /** What somebody may do in a namespace. */
  rulesFor(user: UserInfo, namespace: string): Promise<AccessRules>;
}

/** What the server knows and a kind that is only read may ask. */
export interface ListedContext {
  /** The only namespace whose objects are wanted; absent: all. Others that are answered are left out. */
  readonly namespace?: string;
  /** What the server's readiness checks say at the moment. `problem`: absent when all is well. */
  readonly health: () => Promise<readonly { readonly name: string; readonly problem?: string }[]>;
}

/** Who writes an object, for strategies that record it. */
export interface WriteContext {
  readonly user: UserInfo;
}
