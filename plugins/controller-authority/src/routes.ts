/** For administrators: how far the authority and the certificates are, and what to do with them. */
import { checkAdministrator, type Route, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import { ApiError, timestampOf } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import { isAway, rotatesAtMs } from './decide.ts';
import type { Keeper, Overview } from './keeper.ts';

const group = 'certificates.timonel.dev';
const apiVersion = `${group}/v1`;
/** Of nodes in an answer: those that end first. */
const mostNodes = 500;

function authorityOf(pem: string): object {
  const { commonName, publicKeyFingerprint: id, notBefore, notAfter } = readCertificate(pem);
  return { commonName, id, notBefore: timestampOf(notBefore), notAfter: timestampOf(notAfter) };
}

export interface StatusOptions {
  readonly rotateAt: number;
  readonly automatic: boolean;
}

/** The overview as it is answered; `nowMs` says who is away. */
export function statusOf(overview: Overview, { rotateAt, automatic }: StatusOptions, nowMs: number): object {
  const { state, decision, servers, nodes } = overview;
  const { phase, since, reason, signer, other } = state;
  const sorted = nodes
    .map(({ name, report }) => ({ name, notAfter: report?.notAfter ?? '', issuer: report?.issuer ?? '' }))
    .sort((a, b) => (a.notAfter < b.notAfter ? -1 : 1));
  return {
    kind: 'CertificateStatus',
    apiVersion,
    metadata: {},
    phase,
    ...(phase === 'stable' ? {} : { since, reason }),
    signer: authorityOf(signer),
    ...(other === undefined ? {} : { [phase === 'trust' ? 'next' : 'former']: authorityOf(other) }),
    ...(automatic ? { replacedFrom: timestampOf(rotatesAtMs(signer, rotateAt)) } : {}),
    waitingFor: decision.waitingFor,
    servers: servers.map((record) => ({ ...record, away: phase === 'trust' && isAway(record, nowMs) })),
    nodes: sorted.slice(0, mostNodes),
    nodeCount: nodes.length,
  };
}

function flagOf(body: unknown, name: string): boolean {
  const value = (body as Readonly<Record<string, unknown>> | undefined)?.[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new ApiError('BadRequest', `${name} must be true or false`);
}

export interface RouteParts extends StatusOptions {
  readonly keeper: Keeper;
  readonly nowMs: () => number;
}

export function certificateRoutes(parts: RouteParts): readonly Route[] {
  const { keeper, nowMs } = parts;
  const route = (
    method: Route['method'],
    path: string,
    handle: (request: RouteRequest) => Promise<Overview>,
  ): Route => ({
    method,
    path: `/apis/${apiVersion}${path}`,
    async handle(request) {
      checkAdministrator(request, group, 'the authority of the cluster');
      return { kind: 'object', status: 200, object: statusOf(await handle(request), parts, nowMs()) };
    },
  });
  return [
    route('GET', '/status', () => keeper.overview()),
    route('POST', '/rotate', ({ body, user }) => keeper.rotate(`${user.username} asked for it`, flagOf(body, 'hasty'))),
    route('POST', '/retire', ({ body }) => keeper.retire(flagOf(body, 'force'))),
  ];
}
