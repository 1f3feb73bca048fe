/** The token of the pod's service account as a file of a projected volume. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountToken, TokenWish, VolumeNode } from '@timonel/sdk/contracts/volume';
import { isApiAbsent } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import { checkedPath, type PayloadFile } from './payload-file.ts';

export interface TokenSource {
  readonly audience?: string;
  readonly expirationSeconds?: number;
  readonly path: string;
}

const usualSeconds = 3600;

/** One that could not be made anew, and is good still. */
const retryMs = 10_000;

/** For whom a token is, and where it was written before. */
export interface TokenVolume {
  readonly pod: Pod;
  readonly node: VolumeNode;
  readonly mode: number;
  readonly directory: string;
  readonly nowMs: number;
}

interface TokenFile {
  readonly file: PayloadFile;
  readonly renewAfterMs: number;
}

export async function accountTokenFile(
  { audience = '', expirationSeconds = usualSeconds, path }: TokenSource,
  volume: TokenVolume,
): Promise<TokenFile> {
  const { pod, mode } = volume;
  const { token, renewAfterMs } = await tokenFor({ audience, expirationSeconds }, path, volume);
  const data = Buffer.from(token, 'utf8');
  const user = userOfAll(pod);
  const isOfSome = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  const owner = user === undefined ? {} : { user };
  return { file: { path: checkedPath(path), data, mode: isOfSome ? 0o600 : mode, ...owner }, renewAfterMs };
}

/** An agent that starts while no server answers goes on with the token that the pod has. */
async function tokenFor(
  wish: TokenWish,
  path: string,
  { node, directory, nowMs }: TokenVolume,
): Promise<Pick<AccountToken, 'token' | 'renewAfterMs'>> {
  try {
    return await node.token(wish);
  } catch (error) {
    const token = isApiAbsent(error) ? await readFile(join(directory, checkedPath(path)), 'utf8').catch(() => '') : '';
    if (expiryMs(token) <= nowMs) throw error;
    return { token, renewAfterMs: retryMs };
  }
}

/** In ms since the epoch; 0: it does not say. Source: RFC 7519. */
function expiryMs(token: string): number {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      exp?: unknown;
    };
    return typeof exp === 'number' ? exp * 1000 : 0;
  } catch {
    return 0;
  }
}

/** The user that all containers run as; undefined: they differ, or their images decide. */
function userOfAll({ spec }: Pod): number | undefined {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  const users = [...initContainers, ...containers, ...ephemeralContainers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}
