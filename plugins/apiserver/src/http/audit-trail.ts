/** What the audit sink is told of one request. */
import type { OptionalRef } from '@timonel/sdk';
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { AuditRecord, AuditSink } from '@timonel/sdk/contracts/audit';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import type { Exchange } from './exchange.ts';

export interface TrailFacts {
  readonly exchange: Exchange;
  readonly auditId: string;
  readonly receivedAt: number;
}

export class AuditTrail {
  readonly #sink: AuditSink;
  readonly #facts: TrailFacts;
  #sender: UserInfo | undefined;
  #record: AuditRecord | undefined;
  #begun = false;

  constructor(sink: AuditSink, facts: TrailFacts) {
    this.#sink = sink;
    this.#facts = facts;
  }

  /** Who sends the request is known; not yet whom it is for. */
  sentBy(sender: UserInfo): void {
    this.#sender = sender;
  }

  /** What is asked for is known. Undefined: it never will be. */
  begin(attributes: AccessAttributes | undefined): void {
    if (this.#begun) return;
    this.#begun = true;
    const { exchange, auditId, receivedAt } = this.#facts;
    const { method, path, querystring, req } = exchange;
    const user = attributes?.user;
    this.#record = this.#sink.begin({
      auditId,
      uri: querystring === '' ? path : `${path}?${querystring}`,
      method,
      receivedAt,
      sender: this.#sender,
      impersonated: user === this.#sender ? undefined : user,
      attributes,
      sourceAddress: req.socket.remoteAddress ?? '',
      userAgent: exchange.get('user-agent'),
    });
  }

  request(body: unknown): void {
    if (this.#record?.takesRequest === true) this.#record.request(body);
  }

  /** The request was allowed. */
  allowed(): void {
    this.#record?.annotate('authorization.k8s.io/decision', 'allow');
  }

  /** What admission tells of it. */
  annotate(key: string, value: string): void {
    this.#record?.annotate(key, value);
  }

  failed(error: unknown): void {
    this.begin(undefined);
    if (apiErrorReason(error) !== 'Forbidden') return;
    this.#record?.annotate('authorization.k8s.io/decision', 'forbid');
    if (error instanceof ApiError) this.#record?.annotate('authorization.k8s.io/reason', error.message);
  }

  started(code: number): void {
    this.#record?.started(code);
  }

  completed(code: number): void {
    const record = this.#record;
    if (record === undefined) return;
    const isShown = record.takesResponse || code >= 400;
    record.completed({ code, body: isShown ? bodyOf(this.#facts.exchange) : undefined });
  }
}

/** Undefined: none, or one that is too large to have been made at once. */
function bodyOf({ body, respond }: Exchange): unknown {
  if (respond === false || !(typeof body === 'string' || Buffer.isBuffer(body))) return undefined;
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}

export type Sink = OptionalRef<AuditSink>;
