/** The events of one request. Source: audit.k8s.io/v1 Event. */
import type { Clock } from '@timonel/sdk';
import type { AuditedAnswer, AuditedRequest, AuditRecord } from '@timonel/sdk/contracts/audit';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { verbOf, type Stage, type Verdict } from './policy.ts';
import { hasSecretBody } from './secret-bodies.ts';

export type AuditEvent = Readonly<Record<string, unknown>>;

const micro = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

function userOf({ username, uid, groups, extra }: UserInfo): object {
  return {
    username,
    ...(uid === '' ? {} : { uid }),
    groups,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function objectRefOf({ attributes }: AuditedRequest): object | undefined {
  if (attributes === undefined || attributes.path !== undefined) return undefined;
  const { group, version, resource, subresource, namespace, name } = attributes;
  const filled = { resource, namespace, name, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(filled).filter(([, value]) => value !== ''));
}

function withoutManagedFields(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { metadata, items, ...rest } = body as { metadata?: Record<string, unknown>; items?: unknown };
  const { managedFields: _, ...kept } = metadata ?? {};
  return {
    ...rest,
    ...(metadata === undefined ? {} : { metadata: kept }),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
  };
}

/** How it went. */
function statusOf(code: number, body: unknown, isSecret: boolean): object {
  const { kind, status, reason, message } = (body ?? {}) as Record<string, unknown>;
  if (kind !== 'Status') return { metadata: {}, code };
  // Messages repeat what was wrong.
  const told = isSecret ? { status, reason } : { status, reason, message };
  return { metadata: {}, code, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)) };
}

export interface RecordParts {
  readonly request: AuditedRequest;
  readonly verdict: Verdict;
  readonly clock: Clock;
  readonly write: (event: AuditEvent) => void;
}

export class RequestRecord implements AuditRecord {
  readonly #parts: RecordParts;
  readonly #common: AuditEvent;
  readonly #annotations: Record<string, string> = {};
  readonly takesRequest: boolean;
  readonly takesResponse: boolean;
  readonly #isSecret: boolean;
  #request: unknown;

  constructor(parts: RecordParts) {
    this.#parts = parts;
    const { request, verdict } = parts;
    const isSecret = request.attributes !== undefined && hasSecretBody(request.attributes);
    this.#isSecret = isSecret;
    this.takesRequest = !isSecret && (verdict.level === 'Request' || verdict.level === 'RequestResponse');
    this.takesResponse = !isSecret && verdict.level === 'RequestResponse';
    const { sender, impersonated } = request;
    const objectRef = objectRefOf(request);
    this.#common = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: isSecret && verdict.level !== 'None' ? 'Metadata' : verdict.level,
      auditID: request.auditId,
      requestURI: request.uri,
      verb: verbOf(request),
      user: sender === undefined ? {} : userOf(sender),
      ...(impersonated === undefined ? {} : { impersonatedUser: userOf(impersonated) }),
      sourceIPs: request.sourceAddress === '' ? [] : [request.sourceAddress],
      userAgent: request.userAgent,
      ...(objectRef === undefined ? {} : { objectRef }),
    };
    this.#write('RequestReceived', request.receivedAt, {});
  }

  request(body: unknown): void {
    // It is changed later, by admission.
    this.#request = structuredClone(body);
  }

  annotate(key: string, value: string): void {
    this.#annotations[key] = value;
  }

  started(code: number): void {
    this.#write('ResponseStarted', this.#parts.clock.now(), { responseStatus: { metadata: {}, code } });
  }

  completed({ code, body }: AuditedAnswer): void {
    const { omitManagedFields } = this.#parts.verdict;
    const shown = (value: unknown): unknown => (omitManagedFields ? withoutManagedFields(value) : value);
    this.#write('ResponseComplete', this.#parts.clock.now(), {
      responseStatus: statusOf(code, body, this.#isSecret),
      ...(this.#request === undefined ? {} : { requestObject: shown(this.#request) }),
      ...(body === undefined || !this.takesResponse ? {} : { responseObject: shown(body) }),
    });
  }

  #write(stage: Stage, stageMs: number, more: AuditEvent): void {
    const { request, verdict, write } = this.#parts;
    if (verdict.omitStages.has(stage)) return;
    write({
      ...this.#common,
      stage,
      ...more,
      requestReceivedTimestamp: micro(request.receivedAt),
      stageTimestamp: micro(stageMs),
      ...(Object.keys(this.#annotations).length === 0 ? {} : { annotations: { ...this.#annotations } }),
    });
  }
}
