/** The Koa application: errors → health, version → authentication → resources → discovery → routes of plugins → 404. */
import Koa, { type Context } from 'koa';
import type { Many } from '@timonel/sdk';
import type { Authenticator } from '@timonel/sdk/contracts/auth';
import type { Discovery } from '../discovery/discovery.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import type { ObservedRequest, RequestObserver } from '../metrics/request-observer.ts';
import { unknownResource } from '../registry/api-errors.ts';
import { sendError } from './answers.ts';
import type { ApiParts } from './api-request.ts';
import { auditIdOf } from './audit-id.ts';
import { authenticate } from './authentication.ts';
import type { Health } from './health.ts';
import type { PluginRoutes } from './plugin-routes.ts';
import { parseResourcePath } from './resource-path.ts';
import { handleResource } from './resource-routes.ts';

export interface ApplicationParts extends ApiParts {
  readonly kinds: KindTable;
  readonly authenticators: Many<Authenticator>;
  readonly discovery: Discovery;
  readonly pluginRoutes: PluginRoutes;
  readonly health: Health;
  readonly observer: RequestObserver;
}

async function answer(ctx: Context, parts: ApplicationParts, observed: ObservedRequest): Promise<void> {
  if (await parts.health.handle(ctx)) return;
  if ((ctx.path === '/version' || ctx.path === '/version/') && parts.discovery.handle(ctx)) return;
  if (await parts.pluginRoutes.handleAnonymous(ctx)) return;
  const path = parseResourcePath(ctx.path);
  if (path !== undefined) observed.isFor(path, parts.kinds);
  const user = await authenticate(ctx.req, parts.authenticators, parts.env.clock.now());
  if (path !== undefined && (await handleResource(ctx, path, parts, user))) return;
  if (parts.discovery.handle(ctx)) return;
  if (await parts.health.handleOne(ctx)) return;
  ctx.state['user'] = user;
  await parts.pluginRoutes.handle(ctx, () => Promise.reject(unknownResource()));
}

/** Runs when the answer is complete: at once, or at the end of a stream. */
function whenAnswered(ctx: Context, fn: () => void): void {
  const { res } = ctx;
  if (ctx.respond !== false || res.writableFinished || res.destroyed) fn();
  else res.once('close', fn);
}

export function makeApplication(parts: ApplicationParts): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx) => {
    const { method, path, req } = ctx;
    const contentType = req.headers['content-type'];
    const observed = parts.observer.begin({ method, path, querystring: ctx.querystring, contentType });
    const auditId = auditIdOf(req.headers['audit-id'], parts.env.random);
    ctx.set('audit-id', auditId);
    try {
      await answer(ctx, parts, observed);
    } catch (error) {
      if (ctx.res.headersSent) ctx.res.destroy();
      else {
        ctx.respond = true;
        sendError(ctx, error, parts.log);
      }
    } finally {
      whenAnswered(ctx, () => {
        const status = ctx.res.statusCode;
        const ms = observed.end(status);
        parts.log.debug({ method, path, status, ms, auditId, remoteAddress: req.socket.remoteAddress }, 'request');
      });
    }
  });
  app.on('error', (error: unknown) => parts.log.debug({ error }, 'a connection failed'));
  return app;
}
