import { readFile } from 'node:fs/promises';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { authenticator, type Authentication } from '@timonel/sdk/contracts/auth';
import { decodeJwt, jwtVerify } from 'jose';
import { userOf } from './claims.ts';
import { configSchema, type Provider } from './config.ts';
import { fetchJson } from './fetch-json.ts';
import { IssuerKeys } from './issuer-keys.ts';

interface Issuer {
  readonly provider: Provider;
  readonly keys: IssuerKeys;
}

const rejected = (reason: string): Authentication => ({ outcome: 'rejected', reason });

function issuerIn(token: string): string | undefined {
  if (token.split('.').length !== 3) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

async function verified({ provider, keys }: Issuer, token: string, nowMs: number): Promise<Authentication> {
  const { issuer, audiences, algorithms } = provider;
  // oxlint-disable-next-line no-restricted-globals
  const currentDate = new Date(nowMs);
  try {
    const { payload } = await jwtVerify(token, keys.get, {
      issuer,
      audience: [...audiences],
      algorithms: [...algorithms],
      currentDate,
      requiredClaims: ['exp'],
    });
    const named = userOf(payload, provider);
    return 'user' in named ? { outcome: 'authenticated', user: named.user } : rejected(named.problem);
  } catch (error) {
    return rejected(errorMessage(error));
  }
}

/** ID tokens of OpenID Connect providers. */
const plugin: AnyPlugin = definePlugin({
  name: 'auth-oidc',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Authenticates by ID tokens of OpenID Connect providers.',
  swap: 'never',
  provides: { authenticator },
  config: configSchema,
  async setup({ config, env, signal, log }) {
    const issuers = new Map<string, Issuer>();
    for (const provider of config.providers) {
      const { issuer, caFile } = provider;
      const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
      const { clock, timers } = env;
      const keys = new IssuerKeys({ issuer, clock, fetchJson: (url) => fetchJson(url, { timers, ca, signal }) });
      issuers.set(issuer, { provider, keys });
    }
    return {
      provides: {
        authenticator: {
          async authenticate({ bearerToken }) {
            const issuer = bearerToken === undefined ? undefined : issuers.get(issuerIn(bearerToken) ?? '');
            if (bearerToken === undefined || issuer === undefined) return { outcome: 'unknown' };
            const answer = await verified(issuer, bearerToken, env.clock.now());
            if (answer.outcome === 'rejected')
              log.debug({ issuer: issuer.provider.issuer, reason: answer.reason }, 'a token is not believed');
            return answer;
          },
        },
      },
    };
  },
});

export default plugin;
