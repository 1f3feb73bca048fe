import path from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { authenticator, serviceAccountTokens } from '@timonel/sdk/contracts/auth';
import { z } from 'zod';
import { authenticate } from './authenticate.ts';
import { discoveryRoutes } from './discovery-routes.ts';
import { keepSigningKey, readPublicKeys } from './signing-key.ts';
import { TokenIssuer } from './token-issuer.ts';

/** Tokens of service accounts: makes them (serviceaccounts/token) and knows whom they belong to. */
const plugin: AnyPlugin = definePlugin({
  name: 'auth-serviceaccount',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Issues tokens of service accounts (JWT, bound to pods and other objects) and authenticates by them.',
  // A swap would leave the server without this authenticator for a moment: requests would be refused rather than wait.
  swap: 'never',
  provides: { authenticator, tokens: serviceAccountTokens, routes: routeProvider },
  config: z.strictObject({
    /** Where the cluster's authority lies: the signing key is derived from it. Default: a key of this server alone. */
    pkiDirectory: z.string().min(1).optional(),
    /** PEM files of further keys whose tokens are believed: of before a change of the key, or after it on other servers. */
    keyFiles: z.array(z.string().min(1)).max(20).default([]),
    /** Who tokens say they are from. A URL. */
    issuer: z.url().default('https://kubernetes.default.svc.cluster.local'),
    /** For whom a token is that names nobody, and whom the API server takes tokens for. Default: the issuer. */
    audiences: z.array(z.string().min(1)).min(1).optional(),
  }),
  async setup({ config, dataDir, env }) {
    const { pkiDirectory, issuer: url } = config;
    const key = await keepSigningKey({
      directory: pkiDirectory ?? path.join(dataDir, 'pki'),
      shared: pkiDirectory !== undefined,
      env,
    });
    const audiences = config.audiences ?? [url];
    const { clock, random } = env;
    const furtherKeys = await readPublicKeys(config.keyFiles);
    const issuer = new TokenIssuer({ key, furtherKeys, issuer: url, audiences, clock, random });
    return {
      provides: {
        authenticator: {
          authenticate: (credentials, objects) => authenticate({ issuer, audiences, clock }, credentials, objects),
        },
        tokens: { issue: (claims) => issuer.issue(claims), defaultAudiences: () => audiences },
        routes: { routes: () => discoveryRoutes(issuer, url) },
      },
    };
  },
});

export default plugin;
