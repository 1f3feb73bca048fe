import { StoreError, type RevisionEvents, type StoreEvent } from '@timonel/sdk/contracts/store';
import type { EtcdClient } from './client.ts';
import type { KeySpace } from './key-space.ts';
import { decodeWatch, encodeWatchAll, methods, type EtcdEvent, type WatchResponse } from './wire/messages.ts';
import type { RpcStream } from './wire/connection.ts';
import { RpcError, rpcStatus } from './wire/rpc-error.ts';

/** Where a stream of revisions comes from. */
export interface RevisionSource {
  readonly client: EtcdClient;
  readonly keys: KeySpace;
}

/**
 * Every revision of the whole etcd from `from` on, one by one and each whole, with those events that are the store's. All
 * of etcd's keys are watched since then no revision is without an event: a missing one is noticed, and whoever has seen
 * a revision knows that nothing before it is still to come, which etcd's own progress answers do not promise before 3.4.25.
 * Ends when `signal` aborts. @throws RpcError when the connection ends; StoreError COMPACTED, CORRUPT
 */
export async function* revisionsFrom(
  { client, keys }: RevisionSource,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<RevisionEvents> {
  // Revision 1 is the empty store: nothing happened at it.
  let next = Math.max(from, 2);
  if (signal.aborted) return;
  const stream: RpcStream = await client.stream(methods.watch, encodeWatchAll(next));
  const onAbort = (): void => stream.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) stream.cancel();
  let open: EtcdEvent[] = [];
  try {
    for await (const message of stream) {
      const response = decodeWatch(message);
      checkOpen(response, next);
      open = open.concat(response.events);
      // A fragment may end within a revision: its last one waits for what follows.
      const complete = response.fragment ? lastRevision(open) - 1 : Infinity;
      const cut = open.findIndex((event) => event.kv.modRevision > complete);
      const ready = cut < 0 ? open : open.slice(0, cut);
      open = cut < 0 ? [] : open.slice(cut);
      for (const revision of grouped(ready)) {
        if (revision.number !== next) throw missing(next, revision.number);
        yield { revision: revision.number, events: toEvents(revision.events, keys) };
        next++;
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}

function checkOpen(response: WatchResponse, next: number): void {
  if (response.compactRevision > 0) {
    throw new StoreError('COMPACTED', `revision ${next} has been compacted`, {
      compactedRevision: response.compactRevision + 1,
    });
  }
  if (response.canceled) throw new RpcError(rpcStatus.unavailable, `the watch was ended: ${response.cancelReason}`);
}

function lastRevision(events: readonly EtcdEvent[]): number {
  return events.at(-1)?.kv.modRevision ?? 0;
}

function* grouped(events: readonly EtcdEvent[]): Generator<{ number: number; events: EtcdEvent[] }> {
  let group: { number: number; events: EtcdEvent[] } | undefined;
  for (const event of events) {
    if (group?.number !== event.kv.modRevision) {
      if (group !== undefined) yield group;
      group = { number: event.kv.modRevision, events: [] };
    }
    group.events.push(event);
  }
  if (group !== undefined) yield group;
}

function toEvents(events: readonly EtcdEvent[], keys: KeySpace): StoreEvent[] {
  const found: StoreEvent[] = [];
  for (const each of events) {
    const event = keys.toEvent(each);
    if (event === undefined) continue;
    if (event.prevKv === undefined && (event.type === 'delete' || event.kv.version > 1)) {
      // etcd reads the value of before when it sends, and a compaction was faster.
      throw new StoreError('COMPACTED', `what ${event.kv.key} was before ${event.kv.modRevision} has been compacted`, {
        compactedRevision: event.kv.modRevision + 1,
      });
    }
    found.push(event);
  }
  return found;
}

function missing(wanted: number, found: number): StoreError {
  return new StoreError(
    'CORRUPT',
    `etcd sent revision ${found} where ${wanted} is due: it was restored or lost events`,
  );
}
