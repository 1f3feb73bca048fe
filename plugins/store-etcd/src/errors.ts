import { StoreError, type StoreErrorCode } from '@timonel/sdk/contracts/store';
import { isRpcError, rpcStatus, type RpcError } from './wire/rpc-error.ts';

/** What etcd's messages say: its statuses are too coarse. */
const meanings: readonly (readonly [text: string, code: StoreErrorCode, advice: string])[] = [
  ['required revision has been compacted', 'COMPACTED', ''],
  ['required revision is a future revision', 'FUTURE_REVISION', ''],
  ['requested lease not found', 'LEASE_NOT_FOUND', ''],
  ['request is too large', 'TOO_LARGE', ': start etcd with a larger --max-request-bytes'],
  ['too many operations in txn', 'TOO_LARGE', ': start etcd with a larger --max-txn-ops'],
  ['sent message larger than max', 'TOO_LARGE', ''],
  [
    'received message larger than max',
    'TOO_LARGE',
    ': ask for less with a limit, or raise --max-request-bytes of etcd',
  ],
  ['database space exceeded', 'NO_SPACE', ': compact, `etcdctl defrag`, then `etcdctl alarm disarm`'],
  ['corrupt cluster', 'CORRUPT', ''],
];

/** The store's error for a call that failed. Other errors are given back as they are. */
export function toStoreError(error: unknown): unknown {
  if (!isRpcError(error)) return error;
  for (const [text, code, advice] of meanings) {
    if (error.message.includes(text)) return new StoreError(code, `${error.message}${advice}`, { cause: error });
  }
  if (error.status === rpcStatus.dataLoss) return new StoreError('CORRUPT', error.message, { cause: error });
  return new StoreError('UNAVAILABLE', unavailable(error), { cause: error });
}

function unavailable(error: RpcError): string {
  return `etcd cannot do it: ${error.message}${error.sent ? '; a write may have happened' : ''}`;
}

export function stoppedError(): StoreError {
  return new StoreError('STOPPED', 'the store has been stopped');
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
