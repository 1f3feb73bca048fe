import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { authenticator, type Credentials, type UserInfo } from '@timonel/sdk/contracts/auth';
import { z } from 'zod';
import { ensureAdminToken } from './admin-token.ts';
import { TokenTable, type TokenEntry } from './token-table.ts';

export { adminTokenFile } from './admin-token.ts';

function userOf(username: string, uid: string, groups: readonly string[]): UserInfo {
  const all = groups.includes('system:authenticated') ? groups : [...groups, 'system:authenticated'];
  return Object.freeze({ username, uid, groups: Object.freeze(all), extra: Object.freeze({}) });
}

/** Static bearer tokens: the administrator's own, and those of the configuration. */
const plugin: AnyPlugin = definePlugin({
  name: 'auth-token',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Authenticates by static bearer tokens and keeps one for the administrator.',
  provides: { authenticator },
  config: z.strictObject({
    tokens: z
      .array(
        z.strictObject({
          token: z.string().regex(/^\S{16,}$/, 'a token has at least 16 characters and no spaces'),
          username: z.string().min(1),
          uid: z.string().default(''),
          groups: z.array(z.string().min(1)).default([]),
        }),
      )
      .default([]),
  }),
  async setup(ctx) {
    const admin = await ensureAdminToken(ctx.dataDir, ctx.env);
    const entries: TokenEntry[] = [
      { token: admin, user: userOf('admin', '', ['system:masters']) },
      ...ctx.config.tokens.map(({ token, username, uid, groups }) => ({ token, user: userOf(username, uid, groups) })),
    ];
    const table = new TokenTable(entries);
    return {
      provides: {
        authenticator: {
          authenticate({ bearerToken }: Credentials) {
            const user = bearerToken === undefined ? undefined : table.find(bearerToken);
            return Promise.resolve(user === undefined ? { outcome: 'unknown' } : { outcome: 'authenticated', user });
          },
        },
      },
    };
  },
});

export default plugin;
