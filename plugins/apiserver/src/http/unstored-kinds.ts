/** Kinds without objects in the store: such as are made when somebody reads them, and such as stand for a subresource. */
import { isJsonObject, own } from '../json/plain-json.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import { badRequest, unknownResource } from '../registry/api-errors.ts';
import { unstored } from '../registry/guaranteed-update.ts';
import { callSubresource } from '../registry/subresource-call.ts';
import type { UnstoredReader } from '../registry/unstored-reader.ts';
import { partialMetadataList } from '../table/partial-metadata.ts';
import { sendObject } from './answers.ts';
import { sendWritten, tableOf, targetOf, type ApiRequest } from './api-request.ts';
import { answerForm } from './negotiation.ts';
import { sendPluginAnswer } from './plugin-answer.ts';
import { isDryRun, listQuery } from './query.ts';
import { readBody } from './read-body.ts';

/** get and list of a kind whose objects are made at each read. */
export async function readListed(request: ApiRequest, reader: UnstoredReader): Promise<void> {
  const { ctx, kind, name, namespace, query } = request;
  if (name !== undefined) {
    sendWritten(request, 200, unstored(await reader.get(kind, namespace, name)));
    return;
  }
  const list = await reader.list(kind, listQuery(query, namespace));
  const form = answerForm(ctx.get('accept'));
  if (form === 'table') sendObject(ctx, 200, tableOf(request).make(kind, list.items, {}));
  else if (form === 'partial') sendObject(ctx, 200, partialMetadataList(list.items, {}));
  else sendObject(ctx, 200, list, form === 'yaml');
}

/** create of a kind that stands for a subresource of the object of the same name. */
export async function postToSubresource(request: ApiRequest, kinds: KindTable, signal: AbortSignal): Promise<void> {
  const { ctx, parts, kind, query } = request;
  const { group, version, postsTo } = kind.definition;
  const main = postsTo === undefined ? undefined : kinds.find(group, version, postsTo.resource);
  if (postsTo === undefined || main === undefined) throw unknownResource();
  const { value } = await readBody(ctx, parts.config.limits.bodyBytes);
  const metadata = isJsonObject(value) ? own(value, 'metadata') : undefined;
  const name = isJsonObject(metadata) ? own(metadata, 'name') : undefined;
  if (typeof name !== 'string' || name === '' || name.length > 253) {
    throw badRequest(`metadata.name: the name of one of the ${postsTo.resource} is expected`);
  }
  const response = await callSubresource(parts.registry, targetOf({ ...request, kind: main, name }, isDryRun(query)), {
    subresource: postsTo.subresource,
    method: 'POST',
    query,
    body: value,
    signal,
  });
  await sendPluginAnswer(ctx, response);
}
