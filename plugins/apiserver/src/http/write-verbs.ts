/** create, update, patch, delete and deletecollection. */
import type { Patch } from '@timonel/sdk/contracts/api';
import { isNotFound, type KubeObject } from '@timonel/sdk/kube';
import { duplicateFields } from '../json/duplicate-fields.ts';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { ShapeCheck } from '../registry/request.ts';
import { objectShapeCheck, parseFieldValidation } from '../registry/shape-check.ts';
import { applyPatch } from '../registry/registry.ts';
import { addWarning, sendObject } from './answers.ts';
import { sendWritten, targetOf, warnAbout, type ApiRequest } from './api-request.ts';
import { apply, applyPatchType, applyScale, isApply, refuseForce } from './apply-verb.ts';
import { endOfTurn } from './end-of-turn.ts';
import { deleteRequest, isDryRun, listQuery } from './query.ts';
import { contentType, readBody, unsupportedMediaType } from './read-body.ts';

const patchTypes: Record<string, Patch['type']> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};
/** What bodies of untyped kinds may be. */
const textTypes = ['application/json', 'application/yaml'];

/** What a kind can be patched by. */
function patchTypesOf({ kind }: ApiRequest): string[] {
  const all = Object.keys(patchTypes);
  return kind.definition.untyped === undefined ? all : all.filter((name) => patchTypes[name] !== 'strategic');
}

function shapeCheck(request: ApiRequest, jsonText: string): ShapeCheck {
  const mode = parseFieldValidation(request.query.get('fieldValidation'));
  const duplicates = mode === 'Ignore' || jsonText === '' ? [] : duplicateFields(jsonText);
  return objectShapeCheck(mode, (text) => addWarning(request.ctx, text), duplicates);
}

/** The object in the body, of the right shape. */
async function readObject(request: ApiRequest): Promise<KubeObject> {
  const { ctx, parts, kind } = request;
  const accepted = kind.definition.untyped === undefined ? undefined : textTypes;
  const { value, jsonText } = await readBody(ctx, parts.config.limits.bodyBytes, accepted);
  await endOfTurn();
  if (!isJsonObject(value)) throw badRequest(`the body must be a ${kind.definition.kind} object`);
  shapeCheck(request, jsonText)(value, kind);
  return value as unknown as KubeObject;
}

export async function create(request: ApiRequest): Promise<void> {
  const dryRun = isDryRun(request.query);
  const object = await readObject(request);
  const written = await request.parts.registry.create(targetOf(request, dryRun), object);
  warnAbout(request, written.object);
  sendWritten(request, 201, written);
}

export async function update(request: ApiRequest, subresource: string): Promise<void> {
  const dryRun = isDryRun(request.query);
  const object = await readObject(request);
  const written = await request.parts.registry.update(targetOf(request, dryRun), subresource, object);
  if (subresource === '') warnAbout(request, written.object);
  sendWritten(request, 200, written);
}

async function readPatch(request: ApiRequest): Promise<{ patch: Patch; jsonText: string }> {
  const accepted = patchTypesOf(request);
  const given = contentType(request.ctx.req);
  const type = accepted.includes(given) ? patchTypes[given] : undefined;
  if (type === undefined) throw unsupportedMediaType([...accepted, applyPatchType].join(', '));
  refuseForce(request);
  const { value, jsonText } = await readBody(request.ctx, request.parts.config.limits.bodyBytes, accepted);
  await endOfTurn();
  if (value === undefined) throw badRequest('a patch must have a body');
  return { patch: { type, body: value } as Patch, jsonText };
}

export async function patch(request: ApiRequest, subresource: string): Promise<void> {
  if (isApply(request)) return apply(request, subresource);
  const dryRun = isDryRun(request.query);
  const { patch, jsonText } = await readPatch(request);
  const check = shapeCheck(request, jsonText);
  const written = await request.parts.registry.patch(targetOf(request, dryRun), subresource, patch, check);
  if (subresource === '') warnAbout(request, written.object);
  sendWritten(request, 200, written);
}

export async function getScale(request: ApiRequest): Promise<void> {
  sendObject(request.ctx, 200, await request.parts.registry.getScale(targetOf(request, false)));
}

export async function updateScale(request: ApiRequest): Promise<void> {
  const { value } = await readBody(request.ctx, request.parts.config.limits.bodyBytes);
  const target = targetOf(request, isDryRun(request.query));
  sendObject(request.ctx, 200, await request.parts.registry.updateScale(target, () => value));
}

export async function patchScale(request: ApiRequest): Promise<void> {
  if (isApply(request)) return applyScale(request);
  const { patch } = await readPatch(request);
  const target = targetOf(request, isDryRun(request.query));
  const change = (scale: JsonObject): unknown => applyPatch(scale, patch, target);
  sendObject(request.ctx, 200, await request.parts.registry.updateScale(target, change));
}

export async function remove(request: ApiRequest): Promise<void> {
  const { value } = await readBody(request.ctx, request.parts.config.limits.bodyBytes);
  const { options, dryRun } = deleteRequest(request.query, value);
  const target = targetOf(request, dryRun);
  const written = await request.parts.registry.delete(target, options);
  const { metadata } = written.object;
  if (metadata.deletionTimestamp !== undefined && !(await isGone(request, written.object))) {
    sendWritten(request, 200, written);
    return;
  }
  const { group, resource } = request.kind.definition;
  sendObject(request.ctx, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: target.name, ...(group === '' ? {} : { group }), kind: resource, uid: metadata.uid },
  });
}

/** Whether a deletion removed the object at once. */
async function isGone(request: ApiRequest, object: KubeObject): Promise<boolean> {
  const { parts, kind, namespace, name = '' } = request;
  try {
    const { metadata } = (await parts.registry.reader.get(kind, namespace, name)).object;
    return metadata.uid !== object.metadata.uid;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

export async function removeCollection(request: ApiRequest): Promise<void> {
  const { ctx, parts, kind, namespace, query } = request;
  const { value } = await readBody(ctx, parts.config.limits.bodyBytes);
  const { options, dryRun } = deleteRequest(query, value);
  const result = await parts.registry.reader.list(kind, listQuery(query, namespace));
  const items: unknown[] = [];
  for (const { object } of result.items) {
    const { name = '', namespace: itsNamespace } = object.metadata;
    const target = { ...targetOf(request, dryRun), name, namespace: itsNamespace };
    try {
      items.push((await parts.registry.delete(target, options)).object);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  const { definition, apiVersion } = kind;
  const metadata = {
    resourceVersion: String(result.revision),
    ...(result.continue ? { continue: result.continue } : {}),
  };
  sendObject(ctx, 200, { kind: `${definition.kind}List`, apiVersion, metadata, items });
}
