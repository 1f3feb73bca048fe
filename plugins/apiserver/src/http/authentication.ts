/** Finds out who sends a request. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock, Many } from '@timonel/sdk';
import type { Authenticator, ClientCertificate, Credentials, Identity, UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError } from '@timonel/sdk/kube';
import { readCertificate, type CertificateFacts } from '@timonel/sdk/pki';
import { protocolToken } from '../connect/bearer-protocol.ts';

const bearer = /^Bearer +(\S{1,16384})$/i;

/** The certificates of open connections: read once for each connection. */
const known = new WeakMap<object, CertificateFacts | undefined>();

/** One answer for every failure: a caller without access learns nothing. */
function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized');
}

function factsOf(socket: TLSSocket): CertificateFacts | undefined {
  // A resumed session without a certificate counts as authorized too.
  const raw = socket.authorized ? socket.getPeerX509Certificate()?.raw : undefined;
  if (raw === undefined) return undefined;
  try {
    return readCertificate(raw);
  } catch {
    return undefined;
  }
}

/**
 * The client certificate of the connection, when the cluster's authority signed it. Connections may live longer than certificates:
 * one that has expired counts as none.
 */
export function clientCertificate(request: IncomingMessage, nowMs: number): ClientCertificate | undefined {
  const socket = request.socket as TLSSocket;
  if (!known.has(socket)) known.set(socket, factsOf(socket));
  const facts = known.get(socket);
  if (facts === undefined || nowMs > facts.notAfter || nowMs < facts.notBefore) return undefined;
  const { commonName, organizations, publicKeyFingerprint } = facts;
  return { commonName, organizations, publicKeyFingerprint };
}

/** Whom credentials belong to; undefined: nobody. */
export async function identify(
  credentials: Credentials,
  authenticators: Many<Authenticator>,
): Promise<Identity | undefined> {
  for (const { service } of authenticators.all()) {
    const answer = await service.authenticate(credentials);
    if (answer.outcome === 'authenticated') return answer;
    if (answer.outcome === 'rejected') return undefined;
  }
  return undefined;
}

/** Whom the token of a connection's last request belonged to. */
interface Recent {
  readonly bearerToken: string;
  readonly fingerprint: string | undefined;
  readonly user: UserInfo;
  readonly authenticators: readonly unknown[];
  /** By the monotonic clock: the wall clock may be set back. */
  readonly untilMs: number;
}

/** A token that is taken back counts for so long on connections that it is used on; in Kubernetes for ten times as long. */
const trustMs = 1000;
const recent = new WeakMap<object, Recent>();

/** @throws ApiError Unauthorized */
export async function authenticate(
  request: IncomingMessage,
  authenticators: Many<Authenticator>,
  clock: Clock,
): Promise<UserInfo> {
  const bearerToken = bearer.exec(request.headers.authorization ?? '')?.[1] ?? protocolToken(request);
  const certificate = clientCertificate(request, clock.now());
  if (bearerToken === undefined && certificate === undefined) throw unauthorized();
  const fingerprint = certificate?.publicKeyFingerprint;
  const providers = authenticators.all();
  const askedMs = clock.monotonic();
  const last = recent.get(request.socket);
  if (
    last !== undefined &&
    last.bearerToken === bearerToken &&
    last.fingerprint === fingerprint &&
    last.authenticators === providers &&
    last.untilMs >= askedMs
  ) {
    return last.user;
  }
  const identity = await identify({ bearerToken, certificate }, authenticators);
  if (identity === undefined) throw unauthorized();
  const { user } = identity;
  if (bearerToken !== undefined) {
    const untilMs = askedMs + trustMs;
    recent.set(request.socket, { bearerToken, fingerprint, user, authenticators: providers, untilMs });
  }
  return user;
}
