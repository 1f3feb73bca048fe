/** What is to be done next with the authority, and for whom it waits. Pure. */
import { nodeReportOf, type NodeReport } from '@timonel/sdk/join';
import { timestampMs } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import type { AuthorityConfig } from './config.ts';
import type { ServerRecord } from './records.ts';
import { idOf, type AuthorityState } from './state.ts';

export type Step = 'none' | 'begin' | 'abandon' | 'issue' | 'retire';

export interface Decision {
  readonly step: Step;
  /** Servers and nodes, in words, that hold up what is under way. */
  readonly waitingFor: readonly string[];
}

export interface JoinedNode {
  readonly name: string;
  /** Undefined: it has said nothing yet. */
  readonly report: NodeReport | undefined;
}

export interface Situation {
  readonly nowMs: number;
  /** For how long the clock has been going without a jump. */
  readonly steadyMs: number;
  readonly state: AuthorityState;
  /** Of servers, this one among them, also of those that are away. */
  readonly servers: readonly ServerRecord[];
  readonly nodes: readonly JoinedNode[];
  readonly config: AuthorityConfig;
}

/** In `trust` every server says every period that it is there. */
export const awayMs = 600_000;
/** So little of the signer's life is left that nothing is waited for any more. */
const urgentMs = 7 * 86_400_000;
/** Beats that others have had time for, when nobody wants to wait. */
const hastyPeriods = 3;

/** Nodes that joined by a token; others have certificates of other origin, or none. */
export function joinedNodes(nodes: readonly Node[], keyAnnotation: string): JoinedNode[] {
  return nodes
    .filter(({ metadata }) => metadata.annotations?.[keyAnnotation] !== undefined)
    .map(({ metadata }) => ({ name: metadata.name ?? '', report: nodeReportOf(metadata.annotations) }));
}

export function isAway({ at }: ServerRecord, nowMs: number): boolean {
  return Math.abs(nowMs - (timestampMs(at) ?? 0)) > awayMs;
}

/** When the successor of an authority is due. */
export function rotatesAtMs(signerPem: string, rotateAt: number): number {
  const { notBefore, notAfter } = readCertificate(signerPem);
  return notBefore + (notAfter - notBefore) * rotateAt;
}

function whileStable({ nowMs, steadyMs, state, config }: Situation): Decision {
  const isDue = config.automatic && nowMs >= rotatesAtMs(state.signer, config.rotateAt);
  return { step: isDue && steadyMs >= config.settleMs ? 'begin' : 'none', waitingFor: [] };
}

function whileTrusting(situation: Situation): Decision {
  const { nowMs, steadyMs, state, servers, nodes, config } = situation;
  const next = state.other ?? state.signer;
  const { notBefore, notAfter } = readCertificate(next);
  // Made by a clock that was wrong.
  if (nowMs < notBefore || nowMs >= notAfter) return { step: 'abandon', waitingFor: [] };
  const sinceMs = nowMs - (timestampMs(state.since) ?? 0);
  const settleMs = state.hasty ? config.periodMs * hastyPeriods : config.settleMs;
  const lacks = (trusts: readonly string[] | undefined): boolean => trusts?.includes(idOf(next)) !== true;
  const lackingServers = servers.filter((record) => !isAway(record, nowMs) && lacks(record.trusts));
  const lackingNodes = nodes.filter(({ report }) => lacks(report?.trusts));
  const isPatient = sinceMs < config.nodePatienceMs;
  const waitingFor = [
    ...lackingServers.map(({ name }) => `server ${name} does not believe it yet`),
    ...(isPatient ? lackingNodes.map(({ name }) => `node ${name} does not believe it yet`) : []),
  ];
  const isUrgent = readCertificate(state.signer).notAfter - nowMs < urgentMs;
  const isSettled = sinceMs >= settleMs && steadyMs >= settleMs;
  return { step: isSettled && (waitingFor.length === 0 || isUrgent) ? 'issue' : 'none', waitingFor };
}

/** Who would be cut off if the former authority were believed no more. */
export function stillOnFormer({ state, servers, nodes }: Pick<Situation, 'state' | 'servers' | 'nodes'>): string[] {
  const signer = idOf(state.signer);
  const hasNew = (issuers: readonly string[], trusts: readonly string[]): boolean =>
    trusts.includes(signer) && issuers.every((issuer) => issuer === signer);
  return [
    ...servers
      .filter(
        ({ certificates, trusts }) =>
          !hasNew(
            certificates.map(({ issuer }) => issuer),
            trusts,
          ),
      )
      .map(({ name }) => `server ${name} has certificates of the former authority`),
    ...nodes
      .filter(({ report }) => report === undefined || !hasNew([report.issuer], report.trusts))
      .map(({ name }) => `node ${name} has a certificate of the former authority`),
  ];
}

function whileIssuing(situation: Situation): Decision {
  const { nowMs, steadyMs, state, config } = situation;
  const waitingFor = stillOnFormer(situation);
  const isOver = state.other === undefined || readCertificate(state.other).notAfter <= nowMs;
  const isLongAgo = nowMs - (timestampMs(state.since) ?? 0) >= config.keepFormerMs;
  const isReady = isOver || (isLongAgo && waitingFor.length === 0);
  return { step: isReady && steadyMs >= config.settleMs ? 'retire' : 'none', waitingFor };
}

export function decide(situation: Situation): Decision {
  switch (situation.state.phase) {
    case 'stable':
      return whileStable(situation);
    case 'trust':
      return whileTrusting(situation);
    case 'issue':
      return whileIssuing(situation);
  }
}
