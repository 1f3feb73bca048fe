/** The calls of a joiner. */
import { request, type RequestOptions } from 'node:https';
import { errorCode, errorMessage, type Env } from '../kernel/index.ts';
import {
  certificatesOf,
  checkApiServerIdentity,
  nodeAsServerCode,
  readCertificate,
  type Identity,
} from '../pki/index.ts';
import { JoinError } from './errors.ts';
import { joinPaths } from './messages.ts';

const answerLimitBytes = 256 * 1024;

/** Whom to call, and as whom. */
export interface JoinPeer {
  /** `https://HOST:PORT`. */
  readonly server: string;
  /** PEM of the authority that the server's certificate must come from. */
  readonly ca: string;
  /** The client certificate to show. */
  readonly identity?: Identity;
  readonly env: Env;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
  /** Of the header `Date`, ms since the epoch; NaN without one. */
  readonly dateMs: number;
}

interface RawCall {
  readonly server: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly payload: string | undefined;
  readonly tls: RequestOptions;
  readonly env: Env;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

function send({ server, path, method, payload, tls, env, timeoutMs, signal }: RawCall): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      accept: 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const call = request(
      new URL(path, server),
      { ...tls, method, headers, agent: false, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > answerLimitBytes) call.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const dateMs = Date.parse(response.headers.date ?? '');
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8'), dateMs });
        });
      },
    );
    const timer = env.timers.after(timeoutMs, () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', reject);
    call.on('close', () => timer.cancel());
    call.end(payload);
  });
}

function jsonOf(server: string, { status, text }: RawAnswer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new JoinError(
    'ERR_JOIN_ANSWER',
    `${server} does not answer as a Timonel server (HTTP ${status}): check the address, which must be of the API, for example https://10.0.0.1:6443.`,
    { status },
  );
}

function unreachable(server: string, cause: unknown): JoinError {
  const why = errorCode(cause) ?? errorMessage(cause);
  return new JoinError(
    'ERR_JOIN_UNREACHABLE',
    `Cannot reach ${server} (${why}): check that \`timonel server\` runs there, the address, and the firewall.`,
    { cause },
  );
}

const timeCodes = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']);
const trustCodes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/** What a failed connection means. */
function connectionProblem(server: string, cause: unknown, env: Env): JoinError {
  const code = errorCode(cause) ?? '';
  if (timeCodes.has(code)) {
    return new JoinError(
      'ERR_JOIN_CERTIFICATE',
      `The certificate of ${server} is not valid at ${env.clock.timestamp()}, which is the time on this machine: correct the clock here or there.`,
      { cause },
    );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new JoinError(
      'ERR_JOIN_CERTIFICATE',
      `The certificate of ${server} is not for that name: use an address that the server knows of, or start it with --advertise ${new URL(server).hostname}.`,
      { cause },
    );
  }
  if (code === nodeAsServerCode) {
    return new JoinError(
      'ERR_JOIN_CERTIFICATE',
      `${server} shows the certificate of a node, not of a server: check the address, and who has it; nothing secret was sent.`,
      { cause },
    );
  }
  if (trustCodes.has(code)) {
    return new JoinError('ERR_JOIN_PIN', `${server} belongs to another cluster: check the address and the token.`, {
      cause,
    });
  }
  return unreachable(server, cause);
}

/** The authority of a server, once its pin has been checked. */
export interface FetchedAuthority {
  /** The one that fits the pin. Certificates of its successor come with a chain that leads to it. */
  readonly ca: string;
  /** See `AuthorityAnswer`. Nothing proves it but its signatures. */
  readonly succession: string;
  /** How far the server's clock is ahead of this one in ms, as far as its unproven word goes. NaN: it did not say. */
  readonly clockAheadMs: number;
}

/**
 * Fetches the authority of a server that nobody has verified yet, and checks it against the pin of a token. Sends no secret.
 * @throws JoinError
 */
export async function fetchAuthority(
  peer: Pick<JoinPeer, 'server' | 'env' | 'timeoutMs' | 'signal'>,
  pin: string,
): Promise<FetchedAuthority> {
  const { server, env, timeoutMs, signal } = peer;
  let raw: RawAnswer;
  try {
    raw = await send({
      server,
      path: joinPaths.authority,
      method: 'GET',
      payload: undefined,
      // Whoever answers: its authority must fit the pin, and the next connection must be verified by it.
      tls: { rejectUnauthorized: false },
      env,
      timeoutMs,
      signal,
    });
  } catch (cause) {
    throw unreachable(server, cause);
  }
  const { ca, succession } = jsonOf(server, raw);
  let offered: readonly string[] = [];
  try {
    if (typeof ca === 'string') offered = certificatesOf(ca);
  } catch {
    // Said below.
  }
  const [found] = offered.map((pem) => readCertificate(pem).publicKeyFingerprint);
  if (found === undefined) {
    throw new JoinError(
      'ERR_JOIN_ANSWER',
      `${server} takes no joins (HTTP ${raw.status}): clusters that do are started by \`timonel server\`.`,
      { status: raw.status },
    );
  }
  const pinned = offered.find((pem) => readCertificate(pem).publicKeyFingerprint === pin);
  if (pinned === undefined) {
    throw new JoinError(
      'ERR_JOIN_PIN',
      `${server} is not of the cluster that made the token (its authority is ${found.slice(0, 12)}…, the token wants ${pin.slice(0, 12)}…): check the address and the token, or make another one if the cluster has a new authority since; nothing secret was sent.`,
    );
  }
  return {
    ca: pinned,
    succession: typeof succession === 'string' ? succession : '',
    clockAheadMs: raw.dateMs - env.clock.now(),
  };
}

function refusal(server: string, status: number, answer: Record<string, unknown>): JoinError {
  const message = typeof answer['message'] === 'string' ? answer['message'] : `HTTP ${status}`;
  const busy = status === 429 || status >= 500;
  return new JoinError(busy ? 'ERR_JOIN_BUSY' : 'ERR_JOIN_REFUSED', `${server}: ${message}`, { status });
}

/**
 * One call over a verified connection. The answer's fields named in `texts` are there and texts, `servers` is a list of texts where
 * it is named in `lists`.
 * @throws JoinError
 */
export async function callJoin<T>(
  peer: JoinPeer,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  shape: { readonly texts: readonly (keyof T & string)[]; readonly lists: readonly (keyof T & string)[] },
): Promise<T> {
  const { server, ca, identity, env, timeoutMs, signal } = peer;
  let raw: RawAnswer;
  try {
    raw = await send({
      server,
      path,
      method,
      payload: body === undefined ? undefined : JSON.stringify(body),
      tls: {
        ca,
        checkServerIdentity: checkApiServerIdentity,
        ...(identity === undefined ? {} : { key: identity.keyPem, cert: identity.certificatePem }),
      },
      env,
      timeoutMs,
      signal,
    });
  } catch (cause) {
    throw connectionProblem(server, cause, env);
  }
  const answer = jsonOf(server, raw);
  if (raw.status >= 400) throw refusal(server, raw.status, answer);
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && value.every((item: unknown) => typeof item === 'string');
  const missing = [
    ...shape.texts.filter((name) => typeof answer[name] !== 'string'),
    ...shape.lists.filter((name) => !isList(answer[name])),
  ];
  if (missing.length > 0) {
    throw new JoinError(
      'ERR_JOIN_ANSWER',
      `${server} gave no ${missing.join(', ')}: it runs another version of Timonel; use the same version on all machines.`,
      { status: raw.status },
    );
  }
  return answer as T;
}
