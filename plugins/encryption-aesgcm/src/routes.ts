import { checkAdministrator, type Route, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import { usage, type ResealingParts } from './resealing.ts';

const group = 'encryption.timonel.dev';
const apiVersion = `${group}/v1`;

export interface RouteParts extends ResealingParts {
  readonly resources: readonly string[];
  /** A new key is there. */
  readonly rotated: () => void;
}

async function status(parts: RouteParts): Promise<object> {
  const [ring, { values }] = [await parts.keyring.refresh(), await usage(parts)];
  const keys = [...ring.keys.values()].map(({ id, created }) => {
    return { id, created, primary: id === ring.primary.id, values: values.get(id) ?? 0 };
  });
  return {
    kind: 'EncryptionStatus',
    apiVersion,
    metadata: {},
    provider: 'aesgcm',
    resources: parts.resources,
    keys,
    unsealed: values.get('') ?? 0,
  };
}

/** For administrators: which keys seal how much, and a new key. */
export function encryptionRoutes(parts: RouteParts): readonly Route[] {
  const route = (method: Route['method'], path: string, handle: () => Promise<object>): Route => ({
    method,
    path: `/apis/${apiVersion}${path}`,
    async handle(request: RouteRequest) {
      checkAdministrator(request, group, 'the encryption keys');
      return { kind: 'object', status: 200, object: await handle() };
    },
  });
  return [
    route('GET', '/status', () => status(parts)),
    route('POST', '/rotate', async () => {
      await parts.keyring.add();
      parts.rotated();
      return status(parts);
    }),
  ];
}
