/**
 * How far the replacement of the authority is. It lies in the store, so that all servers see the same and go on after a crash:
 *
 * - `stable`: one authority signs and is believed.
 * - `trust`: the next one is believed beside it, and signs nothing yet.
 * - `issue`: the new one signs; the former is believed beside it.
 *
 * Pure.
 */
import { timestampOf } from '@timonel/sdk/kube';
import { bundleOf, certificatesOf, readCertificate, type Authority, type Successor } from '@timonel/sdk/pki';
import { z } from 'zod';

export interface AuthorityState {
  readonly version: 1;
  readonly phase: 'stable' | 'trust' | 'issue';
  /** RFC 3339: when the phase began. */
  readonly since: string;
  /** Nobody waits for `settleMs`. */
  readonly hasty: boolean;
  /** Why the replacement began. */
  readonly reason: string;
  /** PEM of the authority that signs, and its key, sealed, as base64. */
  readonly signer: string;
  readonly signerKey: string;
  /** `trust`: the next one, `issue`: the former one. */
  readonly other?: string | undefined;
  /** `trust`: the sealed key of the next one. */
  readonly otherKey?: string | undefined;
  /** By which each authority vouches for the next, the newest first. */
  readonly succession: string;
}

const stateSchema: z.ZodType<AuthorityState> = z.object({
  version: z.literal(1),
  phase: z.enum(['stable', 'trust', 'issue']),
  since: z.string(),
  hasty: z.boolean(),
  reason: z.string(),
  signer: z.string(),
  signerKey: z.string(),
  other: z.string().optional(),
  otherKey: z.string().optional(),
  succession: z.string(),
});

/** Seals a private key for the store, and opens it again. */
export interface KeySeal {
  seal(keyPem: string, certificatePem: string): string;
  /** @throws Error when it was sealed under another master key */
  open(sealed: string, certificatePem: string): string;
}

const mostLinks = 8;

/** @throws Error when it is none */
export function parseState(text: string): AuthorityState {
  return stateSchema.parse(JSON.parse(text));
}

export const idOf = (pem: string): string => readCertificate(pem).publicKeyFingerprint;

/** The state of a cluster whose authority has never been replaced. */
export function stableState(
  { certificatePem, keyPem }: Authority,
  succession: string,
  nowMs: number,
  seal: KeySeal,
): AuthorityState {
  const [signer = ''] = certificatesOf(certificatePem);
  return {
    version: 1,
    phase: 'stable',
    since: timestampOf(nowMs),
    hasty: false,
    reason: '',
    signer,
    signerKey: seal.seal(keyPem, signer),
    succession,
  };
}

/** The next authority is believed from now on. */
export function begin(
  state: AuthorityState,
  { authority, linkPem }: Successor,
  { nowMs, hasty, reason }: { readonly nowMs: number; readonly hasty: boolean; readonly reason: string },
  seal: KeySeal,
): AuthorityState {
  const links = bundleOf(linkPem, ...certificatesIn(state.succession).slice(0, mostLinks - 1));
  return {
    ...state,
    phase: 'trust',
    since: timestampOf(nowMs),
    hasty,
    reason,
    other: authority.certificatePem,
    otherKey: seal.seal(authority.keyPem, authority.certificatePem),
    succession: links,
  };
}

/** The next authority signs from now on; the key of the former is gone. */
export function issue(state: AuthorityState, nowMs: number): AuthorityState {
  const { other, otherKey, signer, ...rest } = state;
  if (other === undefined || otherKey === undefined) throw new Error('there is no next authority');
  return { ...rest, phase: 'issue', since: timestampOf(nowMs), signer: other, signerKey: otherKey, other: signer };
}

/** The former authority, or a next one that cannot be used, is believed no more. */
export function settle(state: AuthorityState, nowMs: number): AuthorityState {
  const { other = '', otherKey: _, succession, ...rest } = state;
  const kept =
    state.phase === 'trust' ? certificatesIn(succession).filter((link) => idOf(link) !== idOf(other)) : [succession];
  return { ...rest, phase: 'stable', since: timestampOf(nowMs), hasty: false, reason: '', succession: kept.join('') };
}

function certificatesIn(pem: string): readonly string[] {
  return pem === '' ? [] : certificatesOf(pem);
}

/** What the files of a server are to hold. @throws Error */
export function filesOf(
  state: AuthorityState,
  seal: KeySeal,
): { readonly bundle: string; readonly keyPem: string; readonly succession: string } {
  const { signer, signerKey, other = '', succession } = state;
  return { bundle: bundleOf(signer, other), keyPem: seal.open(signerKey, signer), succession };
}
