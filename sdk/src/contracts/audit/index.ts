/** Who did what: the API server tells of every request over HTTPS; the sink decides how much of it is kept. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { AccessAttributes } from '../api-server/index.ts';
import type { UserInfo } from '../auth/index.ts';

export interface AuditedRequest {
  readonly auditId: string;
  /** Path and query, as they were sent. */
  readonly uri: string;
  readonly method: string;
  /** Ms since the epoch. */
  readonly receivedAt: number;
  /** Who sent it. Undefined: nobody knows. */
  readonly sender: UserInfo | undefined;
  /** Whom the sender acts for. Undefined: for itself. */
  readonly impersonated: UserInfo | undefined;
  /** Undefined: it was refused before that was known. */
  readonly attributes: AccessAttributes | undefined;
  readonly sourceAddress: string;
  readonly userAgent: string;
}

export interface AuditedAnswer {
  /** HTTP status. */
  readonly code: number;
  /** Parsed: the Status of a failure; an object when the record takes answers. */
  readonly body: unknown;
}

/** The trail of one request. */
export interface AuditRecord {
  /** Whether `request` is of use. */
  readonly takesRequest: boolean;
  /** Whether the body of the answer is of use. */
  readonly takesResponse: boolean;
  /** The body of the request, parsed. Not to be changed afterwards. */
  request(body: unknown): void;
  /** A fact about how it was decided, as `authorization.k8s.io/decision`. */
  annotate(key: string, value: string): void;
  /** Of a watch or a session: the answer has begun. */
  started(code: number): void;
  /** The answer is complete. Once. */
  completed(answer: AuditedAnswer): void;
}

export interface AuditSink {
  /** Undefined: nothing of the request is kept. */
  begin(request: AuditedRequest): AuditRecord | undefined;
}

/** Token of the sink. */
export const auditSink: ServiceToken<AuditSink, 'one'> = defineService<AuditSink>('audit-sink', {
  major: 1,
  cardinality: 'one',
  sync: ['begin'],
});
