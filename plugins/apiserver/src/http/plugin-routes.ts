/** Routes that plugins contribute, on koa-routers that are built anew when the set of providers changes. */
import Router from 'koa-router';
import type { Context, Next } from 'koa';
import type { Env, Many } from '@timonel/sdk';
import type { Route, RouteProvider } from '@timonel/sdk/contracts/api-server';
import type { Authenticator, UserInfo } from '@timonel/sdk/contracts/auth';
import { apiErrorReason } from '@timonel/sdk/kube';
import { pathAttributes } from './access-attributes.ts';
import { authenticate, clientCertificate } from './authentication.ts';
import type { Exchange } from './exchange.ts';
import { sendPluginAnswer } from './plugin-answer.ts';
import { readBody } from './read-body.ts';
import { clientSignal } from './resource-routes.ts';

const anonymousBodyBytes = 64 * 1024;

/** As Kubernetes calls who has shown no credentials. */
const anonymousUser: UserInfo = Object.freeze({
  username: 'system:anonymous',
  uid: '',
  groups: Object.freeze(['system:unauthenticated']),
  extra: Object.freeze({}),
});

export interface PluginRoutesOptions {
  readonly providers: Many<RouteProvider>;
  readonly authenticators: Many<Authenticator>;
  readonly env: Env;
  readonly bodyLimitBytes: number;
}

type Middleware = (ctx: Context, next: Next) => Promise<void>;

export class PluginRoutes {
  readonly #options: PluginRoutesOptions;
  #routes: { readonly anonymous: Middleware; readonly authenticated: Middleware } | undefined;

  constructor(options: PluginRoutesOptions) {
    this.#options = options;
    options.providers.onChange(() => (this.#routes = undefined));
  }

  /** Serves a route that lets strangers in. False: the path is none of theirs. */
  async handleAnonymous(ctx: Context): Promise<boolean> {
    let passed = false;
    await this.#middlewares().anonymous(ctx, () => {
      passed = true;
      return Promise.resolve();
    });
    return !passed;
  }

  /** Serves a route to the user in `ctx.state`. */
  async handle(ctx: Context, next: Next): Promise<void> {
    await this.#middlewares().authenticated(ctx, next);
  }

  #middlewares(): { readonly anonymous: Middleware; readonly authenticated: Middleware } {
    this.#routes ??= { anonymous: this.#build(true), authenticated: this.#build(false) };
    return this.#routes;
  }

  #build(anonymous: boolean): Middleware {
    // Rights are given for paths as they are written.
    const router = new Router({ sensitive: true });
    for (const { service } of this.#options.providers.all()) {
      for (const route of service.routes()) {
        if ((route.anonymous === true) !== anonymous) continue;
        router.register(route.path, [route.method], (ctx) => this.#serve(route, ctx));
      }
    }
    return router.routes() as unknown as Middleware;
  }

  async #serve(route: Route, ctx: Context & { params: Record<string, string> }): Promise<void> {
    const { bodyLimitBytes, env } = this.#options;
    const limit = route.anonymous === true ? Math.min(anonymousBodyBytes, bodyLimitBytes) : bodyLimitBytes;
    const user = route.anonymous === true ? await this.#admitAnybody(ctx) : (ctx.state['user'] as UserInfo);
    const { value } = await readBody(ctx, limit);
    const response = await route.handle({
      method: ctx.method,
      path: ctx.path,
      params: ctx.params,
      query: new URLSearchParams(ctx.querystring),
      body: value,
      user,
      certificate: clientCertificate(ctx.req, env.clock.now()),
      remoteAddress: ctx.req.socket.remoteAddress ?? '',
      accept: ctx.get('accept'),
      signal: clientSignal(ctx),
    });
    await sendPluginAnswer(ctx, response);
  }

  /** Nobody decides on such requests, but the log tells of them. */
  async #admitAnybody(ctx: Context): Promise<UserInfo> {
    const user = await this.#userOrStranger(ctx);
    const { audit }: Exchange = ctx;
    audit?.sentBy(user);
    audit?.begin(pathAttributes(ctx.path, ctx.method, user));
    audit?.allowed();
    return user;
  }

  async #userOrStranger(ctx: Context): Promise<UserInfo> {
    try {
      return await authenticate(ctx.req, this.#options.authenticators, this.#options.env.clock);
    } catch (error) {
      if (apiErrorReason(error) === 'Unauthorized') return anonymousUser;
      throw error;
    }
  }
}
