/** What the files of a server tell of the authority that the store does not know, as after an older copy of it was restored. Pure. */
import { bundleOf, certificatesOf, isSuccessor, readCertificate, type Authority } from '@timonel/sdk/pki';
import { idOf, stableState, type AuthorityState, type KeySeal } from './state.ts';

export interface LocalFiles {
  readonly authority: Authority;
  readonly succession: string;
}

/** The authority before the one that signs, when it is believed still. What else is believed may be a next one, or somebody's own. */
function formerOf({ authority, succession }: LocalFiles, nowMs: number): string | undefined {
  const [signer = '', ...others] = certificatesOf(authority.certificatePem);
  return others.find((pem) => readCertificate(pem).notAfter > nowMs && isSuccessor(idOf(signer), pem, succession));
}

/**
 * True: the authority of the files came after that of the state. It must have been vouched for: any other may be of a server that has lost
 * its files, and would take over the whole cluster.
 */
export function isBehind(state: AuthorityState | undefined, local: LocalFiles, nowMs: number): boolean {
  if (state === undefined) return formerOf(local, nowMs) !== undefined;
  const { phase, signer, other } = state;
  const id = idOf(local.authority.certificatePem);
  if (id === idOf(signer)) return false;
  // The next one signs here already. With the former one it is this server that is behind.
  if (other !== undefined && id === idOf(other)) return phase === 'trust';
  if (readCertificate(signer).notAfter <= nowMs) return true;
  // Who succeeds the former one alone is a rival of the one that signs.
  return isSuccessor(id, phase === 'trust' ? bundleOf(signer, other ?? '') : signer, local.succession);
}

/** The state that the files tell of. Certificates of the former authority count on: nobody knows who has one. */
export function stateOfFiles(local: LocalFiles, nowMs: number, seal: KeySeal): AuthorityState {
  const state = stableState(local.authority, local.succession, nowMs, seal);
  const other = formerOf(local, nowMs);
  return other === undefined ? state : { ...state, phase: 'issue', reason: 'an older store was restored', other };
}
