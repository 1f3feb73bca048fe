/** PATCH with `application/apply-patch+yaml`: server-side apply. */
import { duplicateFields } from '../json/duplicate-fields.ts';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { invalidOption } from '../managed-fields/manager-name.ts';
import { checkConfig } from '../patch/apply/check-config.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { ApplyResult } from '../registry/applier.ts';
import { scaleConfig, scaleOf } from '../registry/scale.ts';
import { parseFieldValidation } from '../registry/shape-check.ts';
import { sendObject } from './answers.ts';
import { sendWritten, targetOf, warnAbout, type ApiRequest } from './api-request.ts';
import { booleanOf, isDryRun } from './query.ts';
import { contentType, readBody } from './read-body.ts';

export const applyPatchType = 'application/apply-patch+yaml';

export function isApply(request: ApiRequest): boolean {
  return contentType(request.ctx.req) === applyPatchType;
}

/** @throws ApiError Invalid */
export function refuseForce({ query }: ApiRequest): void {
  if (booleanOf(query, 'force') === undefined) return;
  const message = 'Forbidden: may not be specified for non-apply patch';
  throw invalidOption('PatchOptions', 'force', 'FieldValueForbidden', message);
}

function checkQuery({ query }: ApiRequest): void {
  parseFieldValidation(query.get('fieldValidation'));
  if (query.get('fieldManager')) return;
  const message = 'Required value: is required for apply patch';
  throw invalidOption('PatchOptions', 'fieldManager', 'FieldValueRequired', message);
}

async function readConfig(request: ApiRequest): Promise<JsonObject> {
  const { ctx, parts } = request;
  const { value, jsonText } = await readBody(ctx, parts.config.limits.bodyBytes, [applyPatchType]);
  if (!isJsonObject(value)) throw badRequest('an applied object must be a YAML or JSON object');
  const [twice] = jsonText === '' ? [] : duplicateFields(jsonText);
  if (twice !== undefined) throw badRequest(`error decoding YAML: key "${twice}" already set in map`);
  return value;
}

async function applied(request: ApiRequest, subresource: string, config: JsonObject): Promise<ApplyResult> {
  const force = booleanOf(request.query, 'force') ?? false;
  const target = targetOf(request, isDryRun(request.query));
  const mayCreate = (): Promise<void> => request.parts.registry.access.enforce(request.access('create'));
  return request.parts.registry.apply(target, { subresource, config, force, mayCreate });
}

export async function apply(request: ApiRequest, subresource: string): Promise<void> {
  checkQuery(request);
  const config = await readConfig(request);
  checkConfig(config, request.kind);
  const { written, created } = await applied(request, subresource, config);
  if (subresource === '') warnAbout(request, written.object);
  sendWritten(request, created ? 201 : 200, written);
}

export async function applyScale(request: ApiRequest): Promise<void> {
  checkQuery(request);
  const config = scaleConfig(request.kind, await readConfig(request));
  const { written } = await applied(request, 'scale', config);
  sendObject(request.ctx, 200, scaleOf(request.kind, written.object));
}
