/** get, list and watch. */
import type { Watcher } from '../cache/watcher.ts';
import type { ListResult } from '../registry/reader.ts';
import { partialMetadataList } from '../table/partial-metadata.ts';
import { sendObject, sendPieces } from './answers.ts';
import { sendWritten, tableOf, type ApiRequest } from './api-request.ts';
import { listBody } from './list-body.ts';
import { endOfTurn } from './end-of-turn.ts';
import { answerForm } from './negotiation.ts';
import { listQuery, watchQuery, wholeNumberOf } from './query.ts';
import { streamWatch } from './watch-stream.ts';

export async function get(request: ApiRequest): Promise<void> {
  const { parts, kind, namespace, name = '', query } = request;
  const version = query.get('resourceVersion') ?? undefined;
  if (version === undefined) await endOfTurn();
  sendWritten(request, 200, await parts.registry.reader.get(kind, namespace, name, version));
}

function listMetadata(result: ListResult): Record<string, unknown> {
  return {
    resourceVersion: String(result.revision),
    ...(result.continue === undefined ? {} : { continue: result.continue }),
    ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
  };
}

export async function list(request: ApiRequest): Promise<void> {
  const { ctx, parts, kind, namespace, query } = request;
  const form = answerForm(ctx.get('accept'));
  const result = await parts.registry.reader.list(kind, listQuery(query, namespace));
  if (form === 'json') {
    sendPieces(ctx, 200, listBody(kind, listMetadata(result), result));
    return;
  }
  const metadata = listMetadata(result);
  const objects = result.items.map((stored) => stored.object);
  if (form === 'table') sendObject(ctx, 200, tableOf(request).make(kind, objects, metadata));
  else if (form === 'partial') sendObject(ctx, 200, partialMetadataList(objects, metadata));
  else {
    const { definition, apiVersion } = kind;
    sendObject(ctx, 200, { kind: `${definition.kind}List`, apiVersion, metadata, items: objects }, true);
  }
}

export async function watch(request: ApiRequest): Promise<void> {
  const { ctx, parts, kind, namespace, name, query } = request;
  const form = answerForm(ctx.get('accept'));
  const table = tableOf(request);
  const { watchTimeoutMs } = parts.config.timing;
  const seconds = wholeNumberOf(query, 'timeoutSeconds') ?? 0;
  const timeoutMs =
    seconds > 0 ? Math.min(seconds * 1000, 2 ** 31 - 1) : watchTimeoutMs * (1 - parts.env.random.next() / 2);
  const asked = watchQuery(query, namespace);
  const fieldSelector = name === undefined ? asked.fieldSelector : `metadata.name=${name}`;
  const watcher: Watcher = await parts.registry.reader.watch(kind, { ...asked, fieldSelector });
  if (ctx.req.destroyed || ctx.res.destroyed) {
    watcher.end('ended');
    return;
  }
  const { group, version, resource } = kind.definition;
  const sent = parts.metrics.watchEvents.of(group, version, resource);
  await streamWatch(ctx, watcher, { kind, form, timeoutMs, env: parts.env, table, sent });
}
