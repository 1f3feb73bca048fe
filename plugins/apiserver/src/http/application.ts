/**
 * Two ways of a request. To a resource: authentication → verb, without a framework between. Everything else by Koa: errors → health,
 * version → authentication → discovery → routes of plugins → 404.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa, { type Context } from 'koa';
import type { Many } from '@timonel/sdk';
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { Authenticator, UserInfo } from '@timonel/sdk/contracts/auth';
import type { Delegates } from '../connect/delegates.ts';
import type { Discovery } from '../discovery/discovery.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import type { ObservedRequest, RequestObserver } from '../metrics/request-observer.ts';
import { unknownResource } from '../registry/api-errors.ts';
import type { UnstoredReader } from '../registry/unstored-reader.ts';
import { sendError } from './answers.ts';
import type { ApiParts } from './api-request.ts';
import { auditIdOf } from './audit-id.ts';
import { AuditTrail, type Sink } from './audit-trail.ts';
import { pathAttributes, resourceAttributes } from './access-attributes.ts';
import { enter, type Gate } from './entrance.ts';
import { requesterOf, type RequesterParts } from './requester.ts';
import { PlainExchange, targetParts, type Exchange } from './exchange.ts';
import type { Health } from './health.ts';
import type { PluginRoutes } from './plugin-routes.ts';
import { parseResourcePath, type ResourcePath } from './resource-path.ts';
import { handleResource } from './resource-routes.ts';

export interface ApplicationParts extends ApiParts {
  readonly kinds: KindTable;
  readonly authenticators: Many<Authenticator>;
  readonly discovery: Discovery;
  readonly pluginRoutes: PluginRoutes;
  readonly delegates: Delegates;
  readonly health: Health;
  readonly unstored: UnstoredReader;
  readonly observer: RequestObserver;
  readonly gate: Gate;
  readonly audit: Sink;
}

function requesterParts({ authenticators, registry, env }: ApplicationParts): RequesterParts {
  return { authenticators, access: registry.access, clock: env.clock };
}

/** Whether a path is like one of a resource and yet none: no rule of paths may open it. */
function isBrokenResource(path: string): boolean {
  const [, root, ...rest] = path.split('/');
  if (root !== 'api' && root !== 'apis') return false;
  return rest.slice(root === 'api' ? 1 : 2).some((part) => part !== '');
}

function attributesOnPath(ctx: Context, user: UserInfo): AccessAttributes {
  const path = parseResourcePath(ctx.path);
  return path === undefined ? pathAttributes(ctx.path, ctx.method, user) : resourceAttributes(path, ctx, user);
}

/** @throws ApiError Forbidden, NotFound */
async function enforceOnPath(attributes: AccessAttributes, { registry: { access } }: ApplicationParts): Promise<void> {
  if (access.isUnlimited(attributes.user)) return;
  if (attributes.path !== undefined && isBrokenResource(attributes.path)) throw unknownResource();
  await access.enforce(attributes);
}

async function answer(ctx: Context, parts: ApplicationParts, request: ObservedRequest): Promise<void> {
  if (await parts.health.handle(ctx)) return;
  if ((ctx.path === '/version' || ctx.path === '/version/') && parts.discovery.handle(ctx)) return;
  if (await parts.pluginRoutes.handleAnonymous(ctx)) return;
  const user = await requesterOf(ctx, requesterParts(parts));
  const attributes = attributesOnPath(ctx, user);
  const { audit }: Exchange = ctx;
  audit?.begin(attributes);
  const leave = await enter(parts.gate, ctx, { attributes, isLongRunning: false, objects: 0 });
  try {
    await enforceOnPath(attributes, parts);
    audit?.allowed();
    if (parts.discovery.handle(ctx)) return;
    if (await parts.health.handleOne(ctx)) return;
    ctx.state['user'] = user;
    if (await parts.delegates.handle(ctx, attributes, request)) return;
    await parts.pluginRoutes.handle(ctx, () => {
      if (parseResourcePath(ctx.path) !== undefined) parts.registry.reader.checkKindsAreKnown();
      return Promise.reject(unknownResource());
    });
  } finally {
    leave?.();
  }
}

interface ResourceCall {
  readonly exchange: Exchange;
  readonly path: ResourcePath;
  readonly kind: Kind;
  readonly isLongRunning: boolean;
}

async function answerResource(call: ResourceCall, parts: ApplicationParts): Promise<void> {
  const { exchange, path, kind, isLongRunning } = call;
  const user = await requesterOf(exchange, requesterParts(parts));
  const { access } = parts.registry;
  const isFree = access.isUnlimited(user);
  if (isFree && parts.gate.current === undefined && exchange.audit === undefined)
    return handleKnown(exchange, path, parts, user);
  const attributes = resourceAttributes(path, exchange, user);
  exchange.audit?.begin(attributes);
  const objects = parts.registry.objectsOf(kind);
  const leave = await enter(parts.gate, exchange, { attributes, isLongRunning, objects });
  try {
    if (!isFree) await access.enforce(attributes);
    exchange.audit?.allowed();
    await handleKnown(exchange, path, parts, user);
  } finally {
    leave?.();
  }
}

async function handleKnown(
  exchange: Exchange,
  path: ResourcePath,
  parts: ApplicationParts,
  user: UserInfo,
): Promise<void> {
  if (!(await handleResource(exchange, path, parts, user))) throw unknownResource();
}

/** Runs when the answer is complete: at once, or at the end of a stream. */
function whenAnswered({ respond, res }: Exchange, fn: () => void): void {
  if (respond !== false || res.writableFinished || res.destroyed) fn();
  else res.once('close', fn);
}

/** Counts, times and logs the request, and answers what is thrown as Status. */
async function observed(
  exchange: Exchange,
  parts: ApplicationParts,
  work: (request: ObservedRequest) => Promise<void>,
): Promise<void> {
  const { method, path, querystring, req, res } = exchange;
  const contentType = req.headers['content-type'];
  const request = parts.observer.begin({ method, path, querystring, contentType });
  const auditId = auditIdOf(req.headers['audit-id'], parts.env.random);
  exchange.set('audit-id', auditId);
  const sink = parts.audit.current;
  const trail = sink && new AuditTrail(sink, { exchange, auditId, receivedAt: parts.env.clock.now() });
  exchange.audit = trail;
  try {
    await work(request);
  } catch (error) {
    trail?.failed(error);
    if (res.headersSent) res.destroy();
    else {
      exchange.respond = true;
      sendError(exchange, error, parts.log);
    }
  } finally {
    whenAnswered(exchange, () => {
      const status = exchange.respond === false ? res.statusCode : exchange.status;
      const ms = request.end(status);
      trail?.completed(status);
      parts.log.debug({ method, path, status, ms, auditId, remoteAddress: req.socket.remoteAddress }, 'request');
    });
  }
}

export type RequestHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

function koaHandler(parts: ApplicationParts): RequestHandler {
  const app = new Koa();
  app.silent = true;
  app.use((ctx) => observed(ctx, parts, (request) => answer(ctx, parts, request)));
  app.on('error', (error: unknown) => parts.log.debug({ error }, 'a connection failed'));
  const handler = app.callback();
  return async (req, res) => handler(req, res);
}

export interface Application {
  /** Its promise never rejects. */
  callback(): RequestHandler;
}

export function makeApplication(parts: ApplicationParts): Application {
  const koa = koaHandler(parts);
  const handler: RequestHandler = async (req, res) => {
    const target = targetParts(req.url ?? '');
    const path = parseResourcePath(target.path);
    const kind = path && parts.kinds.find(path.group, path.version, path.resource);
    if (path === undefined || kind === undefined) return koa(req, res);
    const exchange = new PlainExchange(req, res, target);
    await observed(exchange, parts, (request) => {
      request.isFor(path, parts.kinds);
      return answerResource({ exchange, path, kind, isLongRunning: request.isLongRunning }, parts);
    });
    exchange.send();
  };
  return { callback: () => handler };
}
