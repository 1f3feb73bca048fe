/** The Koa application: errors → health → authentication → resources → discovery → routes of plugins → 404. */
import Koa, { type Context } from 'koa';
import type { Many } from '@timonel/sdk';
import type { Authenticator } from '@timonel/sdk/contracts/auth';
import type { Discovery } from '../discovery/discovery.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import { unknownResource } from '../registry/api-errors.ts';
import { sendError } from './answers.ts';
import type { ApiParts } from './api-request.ts';
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
}

async function answer(ctx: Context, parts: ApplicationParts): Promise<void> {
  if (await parts.health.handle(ctx)) return;
  if (await parts.pluginRoutes.handleAnonymous(ctx)) return;
  const user = await authenticate(ctx.req, parts.authenticators, parts.env.clock.now());
  const path = parseResourcePath(ctx.path);
  if (path !== undefined && (await handleResource(ctx, path, parts, user))) return;
  if (parts.discovery.handle(ctx)) return;
  ctx.state['user'] = user;
  await parts.pluginRoutes.handle(ctx, () => Promise.reject(unknownResource()));
}

export function makeApplication(parts: ApplicationParts): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx) => {
    try {
      await answer(ctx, parts);
    } catch (error) {
      if (ctx.res.headersSent) ctx.res.destroy();
      else {
        ctx.respond = true;
        sendError(ctx, error, parts.log);
      }
    }
  });
  app.on('error', (error: unknown) => parts.log.debug({ error }, 'a connection failed'));
  return app;
}
