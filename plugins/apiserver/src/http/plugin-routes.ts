/** Routes that plugins contribute, on a koa-router that is built anew when the set of providers changes. */
import Router from 'koa-router';
import type { Context, Next } from 'koa';
import type { Many } from '@timonel/sdk';
import type { RouteProvider } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { sendPluginAnswer } from './plugin-answer.ts';
import { readBody } from './read-body.ts';
import { clientSignal } from './resource-routes.ts';

export class PluginRoutes {
  readonly #providers: Many<RouteProvider>;
  readonly #bodyLimitBytes: number;
  #routes: Router.IMiddleware | undefined;

  constructor(providers: Many<RouteProvider>, bodyLimitBytes: number) {
    this.#providers = providers;
    this.#bodyLimitBytes = bodyLimitBytes;
    providers.onChange(() => (this.#routes = undefined));
  }

  async handle(ctx: Context, next: Next): Promise<void> {
    this.#routes ??= this.#build();
    await (this.#routes as unknown as (ctx: Context, next: Next) => Promise<void>)(ctx, next);
  }

  #build(): Router.IMiddleware {
    const router = new Router();
    for (const { service } of this.#providers.all()) {
      for (const route of service.routes()) {
        router.register(route.path, [route.method], async (ctx) => {
          const { value } = await readBody(ctx.req, this.#bodyLimitBytes);
          const response = await route.handle({
            method: ctx.method,
            path: ctx.path,
            params: ctx.params,
            query: new URLSearchParams(ctx.querystring),
            body: value,
            user: ctx.state['user'] as UserInfo,
            signal: clientSignal(ctx),
          });
          await sendPluginAnswer(ctx, response);
        });
      }
    }
    return router.routes();
  }
}
