import { StoreError, type Lease, type StoreErrorCode, type TxnResult } from '@timonel/sdk/contracts/store';

/**
 * What an applied command came to: a value, or an error that every member of a group comes to alike. Plain data, since it is kept in
 * the session for retries.
 */
export type Applied =
  | { readonly type: 'txn'; readonly result: TxnResult }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly code: StoreErrorCode; readonly message: string };

/** @throws StoreError that the command was refused with */
export function accepted(applied: Applied): Exclude<Applied, { readonly type: 'refused' }> {
  if (applied.type === 'refused') throw new StoreError(applied.code, applied.message);
  return applied;
}
