/** A watch over HTTP: JSON lines, as many as are ready in one write, and no faster than the client reads. */
import type { ServerResponse } from 'node:http';
import type { Counter, Env } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';
import { eventLine } from '../cache/cache-event.ts';
import type { Watcher, WatcherItem } from '../cache/watcher.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { drained } from './drained.ts';
import { endOfTurn } from './end-of-turn.ts';
import type { Exchange } from './exchange.ts';
import type { AnswerForm } from './negotiation.ts';
import { frameOf } from './watch-frames.ts';
import { paceOf } from './watch-pace.ts';
import { partialMetadata } from '../table/partial-metadata.ts';
import { TableMaker } from '../table/table-maker.ts';

/** Turns one item into its line. */
type LineMaker = (item: WatcherItem) => Buffer;

function bookmarkOf(kind: Kind, item: WatcherItem & { type: 'BOOKMARK' }): unknown {
  return {
    kind: kind.definition.kind,
    apiVersion: kind.apiVersion,
    metadata: {
      resourceVersion: String(item.revision),
      creationTimestamp: null,
      ...(item.initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  };
}

function jsonLine(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function lineMaker(kind: Kind, form: AnswerForm, table: TableMaker): LineMaker {
  if (form === 'table') {
    let first = true;
    return (item) => {
      const rows = item.type === 'BOOKMARK' ? [] : [item.stored.object];
      const revision = item.type === 'BOOKMARK' ? item.revision : item.stored.revision;
      const object = table.make(kind, rows, { resourceVersion: String(revision) }, first);
      first = false;
      return jsonLine(item.type, object);
    };
  }
  return (item) => {
    if (item.type === 'BOOKMARK') return jsonLine('BOOKMARK', bookmarkOf(kind, item));
    return form === 'partial' ? jsonLine(item.type, partialMetadata(item.stored.object)) : eventLine(item);
  };
}

/** What one client has of its own, beside the objects that all share: the more, the more a client that does not read costs. */
const writeBytes = 256 * 1024;

/** Past the response, which takes three buffers and a concatenation for what is one buffer for all watches here. False: wait. */
function write(response: ServerResponse, lines: readonly Buffer[], bytes: number): boolean {
  const { socket, req } = response;
  // Behind an unfinished answer of the same connection, the response keeps what it gets. It knows, too, that HEAD has no body.
  if (socket === null || req.method === 'HEAD') return response.write(Buffer.concat(lines));
  return socket.write(frameOf(lines, bytes, req.httpVersion !== '1.0'));
}

/** Sends as many lines at once as fit, and waits for the client between two writes. */
async function sendAll(response: ServerResponse, items: readonly WatcherItem[], line: LineMaker): Promise<void> {
  let lines: Buffer[] = [];
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    const next = line(item);
    lines.push(next);
    bytes += next.length;
    if (bytes < writeBytes && index < items.length - 1) continue;
    if (response.destroyed || response.socket?.destroyed === true) return;
    if (!write(response, lines, bytes)) await drained(response);
    lines = [];
    bytes = 0;
  }
}

/** Sends until the watch or the connection ends. */
export async function streamWatch(
  ctx: Exchange,
  watcher: Watcher,
  options: { kind: Kind; form: AnswerForm; timeoutMs: number; env: Env; table: TableMaker; sent: Counter },
): Promise<void> {
  const { kind, form, timeoutMs, env, table, sent } = options;
  const response = ctx.res;
  ctx.respond = false;
  const timer = env.timers.after(timeoutMs, () => watcher.end('ended'));
  const removed = watcher.onEnd;
  watcher.onEnd = () => {
    timer.cancel();
    removed?.();
    if (watcher.ended === 'slow') response.destroy();
  };
  response.once('close', () => watcher.end('ended'));
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const line = lineMaker(kind, form, table);
  const pace = paceOf(env);
  for (;;) {
    const items = await watcher.take();
    if (items === undefined || response.destroyed) break;
    // Writes that are committed in the same turn of the event loop go out together: one TLS record in place of many.
    await endOfTurn();
    const more = watcher.takeNow();
    const all = more.length === 0 ? items : [...items, ...more];
    await sendAll(response, all, line);
    sent.add(all.length);
    await pace.wrote();
  }
  if (watcher.ended === 'expired') {
    response.write(jsonLine('ERROR', new ApiError('Expired', 'the watch lost its place: list again').status));
  }
  response.end();
}
