/** Where others find the key to check tokens with. Source: OpenID Connect Discovery 1.0. */
import type { Route, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { TokenIssuer } from './token-issuer.ts';

const keysPath = '/openid/v1/jwks';

const found = (object: unknown): SubresourceResponse => ({ kind: 'object', status: 200, object });

export function discoveryRoutes(issuer: TokenIssuer, url: string): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/.well-known/openid-configuration',
      handle: () =>
        Promise.resolve(
          found({
            issuer: url,
            jwks_uri: `${url.replace(/\/$/, '')}${keysPath}`,
            response_types_supported: ['id_token'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: ['ES256'],
          }),
        ),
    },
    { method: 'GET', path: keysPath, handle: async () => found({ keys: await issuer.publicJwks() }) },
  ];
}
