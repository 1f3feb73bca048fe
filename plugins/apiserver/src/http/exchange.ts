/**
 * One request and its answer, as far as verbs of resources need them. Koa's context is one, too; `PlainExchange` is one that costs
 * next to nothing: a third of the time of a get went into Koa's layers.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Pieces } from './answers.ts';
import type { AuditTrail } from './audit-trail.ts';
import { wantsGzip, writeGzipped, writePieces } from './large-answers.ts';

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly querystring: string;
  /** Of the answer. */
  status: number;
  body: unknown;
  /** False: whoever set it answers by `res`. */
  respond?: boolean | undefined;
  /** Present when somebody keeps a record of the request. */
  audit?: AuditTrail | undefined;
  /** A header of the request; empty when absent. */
  get(name: string): string;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
}

/** A client that goes away in the middle of its answer is its own problem. */
const ignore = (): void => undefined;

export class PlainExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly querystring: string;
  status = 404;
  body: Buffer | string | Pieces | undefined;
  audit?: AuditTrail | undefined;
  #headers: Record<string, string | string[]> = {};
  #respond = true;

  constructor(req: IncomingMessage, res: ServerResponse, target: { path: string; querystring: string }) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? '';
    this.path = target.path;
    this.querystring = target.querystring;
    res.on('error', ignore);
  }

  get respond(): boolean | undefined {
    return this.#respond;
  }

  /** Who answers by himself finds the headers that are set so far in `res`, unless he has answered already. */
  set respond(respond: boolean | undefined) {
    if (this.#respond && respond === false && !this.res.headersSent) {
      for (const [name, value] of Object.entries(this.#headers)) this.res.setHeader(name, value);
      this.audit?.started(this.req.headers.upgrade === undefined ? 200 : 101);
    }
    this.#respond = respond !== false;
  }

  get(name: string): string {
    const value = this.req.headers[name];
    return typeof value === 'string' ? value : (value?.join(', ') ?? '');
  }

  set(name: string, value: string): void {
    this.#headers[name] = value;
  }

  append(name: string, value: string): void {
    const before = this.#headers[name];
    this.#headers[name] = before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value];
  }

  /** Sends the answer, unless somebody else does. */
  send(): void {
    const { res, body = '' } = this;
    if (!this.#respond || res.destroyed) return;
    const headers: OutgoingHttpHeaders = this.#headers;
    const isPlain = typeof body === 'string' || Buffer.isBuffer(body);
    const bytes = isPlain ? Buffer.byteLength(body) : body.bytes;
    const gzip = wantsGzip(this.req, bytes);
    if (gzip) {
      headers['content-encoding'] = 'gzip';
      headers['vary'] = 'Accept-Encoding';
    } else headers['content-length'] = bytes;
    res.writeHead(this.status, headers);
    if (this.method === 'HEAD') res.end();
    else if (gzip) writeGzipped(res, isPlain ? [Buffer.from(body as string)] : body.pieces);
    else if (isPlain) res.end(body);
    else void writePieces(res, body.pieces);
  }
}

/** The parts of a request target. */
export function targetParts(url: string): { readonly path: string; readonly querystring: string } {
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, querystring: '' } : { path: url.slice(0, mark), querystring: url.slice(mark + 1) };
}
