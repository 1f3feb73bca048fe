/** Forming and joining a cluster: what a machine does once, before its plugins run for the first time. */
import { mkdirSync } from 'node:fs';
import { createRealEnv } from '@timonel/core';
import { errorCode, type Env } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import {
  callJoin,
  fetchAuthority,
  joinPaths,
  parseJoinToken,
  type AgentJoinAnswer,
  type AgentJoinRequest,
  type JoinToken,
  type ServerJoinAnswer,
  type ServerJoinRequest,
} from '@timonel/sdk/join';
import {
  authorityName,
  bundleOf,
  identityNames,
  isPair,
  isSuccessor,
  keepAuthority,
  keepIdentity,
  keepMasterKey,
  keepSharedSigningKey,
  keyFile,
  makePrivateKey,
  makeSigningRequest,
  masterClientProfile,
  parseMasterKey,
  parseSigningKey,
  peerProfile,
  readAuthorities,
  readBundle,
  readCertificateFile,
  writeAuthority,
  writeCertificateFile,
  writeKeyFile,
  writeMasterKey,
  writeSigningKey,
} from '@timonel/sdk/pki';
import { adminTokenFile } from '@timonel/plugin-auth-token';
import { CliError, exitCodes } from '../errors.ts';
import { checkNodeAddress } from '../profiles/family-ranges.ts';
import { pkiDirectory, writeClusterState, type AgentState, type ServerState } from './cluster-state.ts';
import { dataDirPaths } from './data-dir.ts';

const authorityTimeoutMs = 10_000;
/** A server waits up to 20 s for a node's pod addresses. */
const joinTimeoutMs = 40_000;
/** How long a server that is busy, or a cluster that has no leader yet, is asked again. */
const busyTimeoutMs = 30_000;
const retryMs = 1000;
/** A clock that is further off than this is worth a word. */
const skewMs = 60_000;

export interface Joiner {
  readonly dataDir: string;
  readonly servers: readonly string[];
  readonly token: JoinToken;
  readonly tokenText: string;
  readonly notice: (line: string) => void;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** @throws CliError usage */
export function requireToken(text: string | undefined): { readonly token: JoinToken; readonly tokenText: string } {
  if (text === undefined || text.trim() === '') {
    throw new CliError(
      'A join needs a token: make one on a server by `timonel token create`, and give it by --token or in TIMONEL_JOIN_TOKEN.',
      exitCodes.usage,
    );
  }
  const token = parseJoinToken(text);
  if (token === undefined) {
    throw new CliError(
      'The token is not whole: it must look like tml1.<6>.<32>.<64 characters>, as `timonel token create` prints it.',
      exitCodes.usage,
    );
  }
  return { token, tokenText: text.trim() };
}

/** `https://HOST:PORT`, from a comma-separated list. @throws CliError usage, which names the option */
export function parseServers(option: string, text: string): string[] {
  const urls = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const servers = urls.map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    if (url?.protocol !== 'https:' || url.pathname !== '/' || `${url.search}${url.hash}${url.username}` !== '') {
      throw new CliError(
        `${option} ${part} is not https://HOST:PORT, for example https://10.0.0.1:6443.`,
        exitCodes.usage,
      );
    }
    return url.port === '' ? `${url.origin}:443` : url.origin;
  });
  if (servers.length === 0) throw new CliError(`${option} needs the URL of a server.`, exitCodes.usage);
  return servers;
}

/** What a directory's cluster has to do with that of a token. */
export type TokenOrigin =
  /** The token names an authority that is believed here. */
  | 'own'
  /** It names one that took over from an authority that is believed here, while this machine was away. */
  | 'successor'
  | 'other';

/** @throws CliError when no server can be asked */
export async function originOf(
  dataDir: string,
  { token, servers, signal }: Pick<Joiner, 'token' | 'servers' | 'signal'>,
): Promise<TokenOrigin> {
  const bundle = await readAuthorities(pkiDirectory(dataDir));
  if (bundle === undefined) return 'other';
  if (readBundle(bundle).some(({ publicKeyFingerprint }) => publicKeyFingerprint === token.pin)) return 'own';
  const env = createRealEnv();
  let failure: unknown;
  for (const server of servers) {
    try {
      const peer = { server, env, timeoutMs: authorityTimeoutMs, signal };
      const { succession } = await fetchAuthority(peer, token.pin);
      return isSuccessor(token.pin, bundle, succession) ? 'successor' : 'other';
    } catch (error) {
      if (errorCode(error) === 'ERR_JOIN_PIN') return 'other';
      failure = error;
    }
  }
  throw asCliError(failure);
}

function asCliError(error: unknown): unknown {
  const code = errorCode(error) ?? '';
  if (!code.startsWith('ERR_JOIN_')) return error;
  const exitCode = code === 'ERR_JOIN_UNREACHABLE' ? exitCodes.unreachable : exitCodes.failure;
  return new CliError((error as Error).message, exitCode, { cause: error });
}

/** Checks the server by the token's pin, and asks it over a verified connection. */
async function askOne<T>(
  env: Env,
  joiner: Joiner,
  server: string,
  path: string,
  body: unknown,
  texts: readonly (keyof T & string)[],
): Promise<T> {
  const { token, notice, signal } = joiner;
  const { ca, clockAheadMs } = await fetchAuthority({ server, env, timeoutMs: authorityTimeoutMs, signal }, token.pin);
  if (Math.abs(clockAheadMs) > skewMs) {
    const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
    notice(
      `The clock of ${server} is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the clock of this machine: set both by NTP.`,
    );
  }
  const peer = { server, ca, env, timeoutMs: joinTimeoutMs, signal };
  return callJoin<T>(peer, 'POST', path, body, { texts, lists: ['servers' as keyof T & string] });
}

/** Asks one server after the other; again for a while when all that answer are busy. @throws CliError */
async function ask<T>(joiner: Joiner, path: string, body: unknown, texts: readonly (keyof T & string)[]): Promise<T> {
  const env = createRealEnv();
  const deadline = env.clock.monotonic() + busyTimeoutMs;
  for (;;) {
    const failures: unknown[] = [];
    for (const server of joiner.servers) {
      try {
        return await askOne<T>(env, joiner, server, path, body, texts);
      } catch (error) {
        // A refusal is final: another server of the cluster would say the same.
        if (errorCode(error) === 'ERR_JOIN_REFUSED' || joiner.signal.aborted) throw asCliError(error);
        failures.push(error);
      }
    }
    const busy = failures.find((error) => errorCode(error) === 'ERR_JOIN_BUSY');
    if (busy === undefined || env.clock.monotonic() > deadline) throw asCliError(busy ?? failures[0]);
    joiner.notice(`${(busy as Error).message}; trying again`);
    await env.timers.sleep(retryMs, joiner.signal).catch(() => undefined);
  }
}

/** The key of a join lies in its file before it is used: a retry is by the same machine then. */
async function keyOf(dataDir: string, name: string): Promise<string> {
  const directory = pkiDirectory(dataDir);
  const found = await readFileIfThere(keyFile(directory, name));
  if (found !== undefined) return found;
  const made = await makePrivateKey();
  await writeKeyFile(directory, name, made);
  return made;
}

function requirePair(certificatePem: string, keyPem: string): void {
  if (isPair({ certificatePem, keyPem })) return;
  throw new CliError('The server answered with a certificate for another key: use the same version on all machines.');
}

/** Joins as a node. The state is written last: without it the join counts as not done. @throws CliError */
export async function joinAsAgent(
  joiner: Joiner,
  node: { readonly nodeName: string; readonly nodeAddress: string; readonly podCidr: string | undefined },
): Promise<AgentState> {
  const { dataDir, tokenText: token } = joiner;
  const { nodeName, nodeAddress } = node;
  const keyPem = await keyOf(dataDir, identityNames.node);
  const csr = await makeSigningRequest(keyPem, { commonName: nodeName });
  const addresses = nodeAddress === '' ? [] : [nodeAddress];
  const body: AgentJoinRequest = { token, nodeName, csr, addresses, podCidr: node.podCidr };
  const texts = ['certificate', 'ca', 'clusterCidr', 'serviceCidr', 'podCidr'] as const;
  const answer = await ask<AgentJoinAnswer>(joiner, joinPaths.agents, body, texts);
  requirePair(answer.certificate, keyPem);
  checkNodeAddress(answer.clusterCidr, nodeAddress);
  const { podCidr } = answer;
  if (podCidr === '') {
    throw new CliError(
      'The servers allocate no pod addresses for this node: enable the plugin controller-nodeipam there, or give the addresses by --pod-cidr.',
    );
  }
  const directory = pkiDirectory(dataDir);
  await writeCertificateFile(directory, authorityName, bundleOf(answer.ca));
  await writeCertificateFile(directory, identityNames.node, answer.certificate);
  const state: AgentState = {
    version: 1,
    role: 'agent',
    nodeName,
    nodeAddress,
    servers: [...new Set([...joiner.servers, ...answer.servers])].slice(0, 16),
    clusterCidr: answer.clusterCidr,
    serviceCidr: answer.serviceCidr,
    podCidr,
  };
  await writeClusterState(dataDir, state);
  return state;
}

/** Servers of before give none: they are derived from the authority's then. */
async function writeSharedKeys(directory: string, { masterKey, signingKey }: ServerJoinAnswer): Promise<void> {
  if (masterKey !== undefined) await writeMasterKey(directory, parseMasterKey(masterKey, 'the answer of the server'));
  if (signingKey !== undefined) {
    await writeSigningKey(directory, parseSigningKey(signingKey, 'the signing key in the answer of the server'));
  }
}

/** Joins as a server: the store of the cluster adds this member, and the cluster's secrets come over. @throws CliError */
export async function joinAsServer(joiner: Joiner, planned: ServerState): Promise<ServerState> {
  const { dataDir, tokenText: token } = joiner;
  const { name, memberId, peerUrl } = planned;
  await writeClusterState(dataDir, { ...planned, phase: 'joining' });
  const keyPem = await keyOf(dataDir, identityNames.peer);
  const csr = await makeSigningRequest(keyPem, { commonName: memberId });
  const body: ServerJoinRequest = { token, name, memberId, peerUrl, csr };
  const texts = ['certificate', 'ca', 'caKey', 'adminToken', 'clusterCidr', 'serviceCidr'] as const;
  const answer = await ask<ServerJoinAnswer>(joiner, joinPaths.servers, body, texts);
  requirePair(answer.certificate, keyPem);
  const directory = pkiDirectory(dataDir);
  await writeAuthority(directory, {
    bundle: bundleOf(answer.ca),
    keyPem: answer.caKey,
    succession: answer.succession ?? '',
  });
  await writeSharedKeys(directory, answer);
  await writeCertificateFile(directory, identityNames.peer, answer.certificate);
  const tokens = dataDirPaths(dataDir).pluginData('auth-token');
  mkdirSync(tokens, { recursive: true, mode: 0o700 });
  await writeFileAtomically(adminTokenFile(tokens), `${answer.adminToken}\n`);
  const { clusterCidr, serviceCidr } = answer;
  const state: ServerState = { ...planned, phase: 'joined', clusterCidr, serviceCidr };
  await writeClusterState(dataDir, state);
  return state;
}

/**
 * What a server needs before its plugins start, the store above all: the authority (made only when it forms the cluster), and
 * certificates with enough life left.
 */
export async function keepServerCertificates(
  dataDir: string,
  { name, memberId, phase }: ServerState,
  peerNames: readonly string[],
): Promise<void> {
  const env = createRealEnv();
  const directory = pkiDirectory(dataDir);
  if (phase === 'joined' && (await readCertificateFile(directory, authorityName)) === undefined) {
    throw new CliError(
      `${directory}/ca.crt and ca.key are gone: copy them from another server of the cluster.`,
      exitCodes.failure,
    );
  }
  const authority = await keepAuthority(env, directory);
  await keepMasterKey(env, directory);
  await keepSharedSigningKey(env, directory);
  await keepIdentity(env, directory, identityNames.peer, authority, peerProfile(memberId, peerNames));
  await keepIdentity(env, directory, identityNames.masterClient, authority, masterClientProfile(name));
}
