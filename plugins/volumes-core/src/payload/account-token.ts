/** The token of the pod's service account as a file of a projected volume. */
import type { VolumeNode } from '@timonel/sdk/contracts/volume';
import type { Pod } from '@timonel/sdk/kube';
import { checkedPath, type PayloadFile } from './payload-file.ts';

export interface TokenSource {
  readonly audience?: string;
  readonly expirationSeconds?: number;
  readonly path: string;
}

const usualSeconds = 3600;

interface TokenFile {
  readonly file: PayloadFile;
  readonly renewAfterMs: number;
}

export async function accountTokenFile(
  { audience = '', expirationSeconds = usualSeconds, path }: TokenSource,
  pod: Pod,
  node: VolumeNode,
  mode: number,
): Promise<TokenFile> {
  const { token, renewAfterMs } = await node.token({ audience, expirationSeconds });
  const data = Buffer.from(token, 'utf8');
  const user = userOfAll(pod);
  const isOfSome = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  const owner = user === undefined ? {} : { user };
  return { file: { path: checkedPath(path), data, mode: isOfSome ? 0o600 : mode, ...owner }, renewAfterMs };
}

/** The user that all containers run as; undefined: they differ, or their images decide. */
function userOfAll({ spec }: Pod): number | undefined {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  const users = [...initContainers, ...containers, ...ephemeralContainers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}
