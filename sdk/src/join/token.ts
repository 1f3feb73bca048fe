/** Join tokens: `tml1.<id>.<secret>.<pin>`. */
import { createHash } from 'node:crypto';
import type { Env } from '../kernel/index.ts';

/** What a token may be used for. */
export type JoinRole = 'server' | 'agent';

/** A join token in its parts. */
export interface JoinToken {
  /** Public: names the token among others. */
  readonly id: string;
  /** Shown only to a server whose authority fits the pin. */
  readonly secret: string;
  /** Hex SHA-256 of the public key info of the cluster's authority. */
  readonly pin: string;
}

/** Type of the Secrets that hold tokens; the fields are those of Kubernetes' bootstrap tokens where the meaning is the same. */
export const joinTokenSecretType = 'bootstrap.kubernetes.io/token';

/** Namespace of these Secrets. */
export const joinTokenNamespace = 'kube-system';

const form = /^tml1\.([a-z0-9]{6})\.([a-z0-9]{32})\.([0-9a-f]{64})$/;
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Name of the Secret of a token. */
export function joinTokenSecretName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** Key of the Secret that says (by the text `true`) that the token is good for a role. */
export function joinTokenUsageKey(role: JoinRole): string {
  return `usage-timonel-${role}`;
}

/**
 * Key of the Secret that holds {@link hashJoinSecret} of the secret. The secret itself is not stored: it is random and long, so that
 * its hash cannot be turned back, and whoever reads Secrets or a backup of the store cannot join by it.
 */
export const joinTokenHashKey = 'token-secret-sha256';

/** Hex SHA-256 of a token's secret. */
export function hashJoinSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** As it is printed and typed. */
export function formatJoinToken({ id, secret, pin }: JoinToken): string {
  return `tml1.${id}.${secret}.${pin}`;
}

/** The parts of a token, or undefined when the text is none. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, id, secret, pin] = form.exec(text.trim()) ?? [];
  return id === undefined || secret === undefined || pin === undefined ? undefined : { id, secret, pin };
}

function randomText(env: Pick<Env, 'random'>, length: number): string {
  let text = '';
  // Bytes from 252 on are left out: they would make some letters likelier.
  while (text.length < length) {
    for (const byte of env.random.bytes(length)) {
      if (byte < 252 && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** Makes a token (31 bits of id, 165 bits of secret). `env.random` must be fit for keys. */
export function makeJoinToken(env: Pick<Env, 'random'>, pin: string): JoinToken {
  return { id: randomText(env, 6), secret: randomText(env, 32), pin };
}
