/** Query parameters of API requests, checked. */
import type { DeleteOptions } from '@timonel/sdk/contracts/api';
import { isJsonObject, own } from '../json/plain-json.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { ListQuery, WatchQuery } from '../registry/reader.ts';

function invalidValue(name: string, value: string, wanted: string): Error {
  return badRequest(`${name}: Invalid value: "${value.slice(0, 64)}": must be ${wanted}`);
}

/** As Go's ParseBool for query parameters: absent and empty are undefined. */
export function booleanOf(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw invalidValue(name, value, 'true or false');
}

export function wholeNumberOf(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value)) throw invalidValue(name, value, 'a whole number, 0 or greater');
  return Number(value);
}

function textOf(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) ?? undefined;
}

export function listQuery(query: URLSearchParams, namespace: string | undefined): ListQuery {
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: textOf(query, 'fieldSelector'),
    limit: wholeNumberOf(query, 'limit'),
    continue: textOf(query, 'continue'),
    resourceVersion: textOf(query, 'resourceVersion'),
    resourceVersionMatch: textOf(query, 'resourceVersionMatch'),
  };
}

export function watchQuery(query: URLSearchParams, namespace: string | undefined): WatchQuery {
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: textOf(query, 'fieldSelector'),
    resourceVersion: textOf(query, 'resourceVersion'),
    resourceVersionMatch: textOf(query, 'resourceVersionMatch'),
    allowBookmarks: booleanOf(query, 'allowWatchBookmarks'),
    sendInitialEvents: booleanOf(query, 'sendInitialEvents'),
  };
}

function dryRunOf(values: readonly unknown[]): boolean {
  for (const value of values) {
    if (value !== 'All')
      throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`);
  }
  return values.length > 0;
}

/** @throws ApiError BadRequest for anything but `All`. */
export function isDryRun(query: URLSearchParams): boolean {
  return dryRunOf(query.getAll('dryRun').filter((value) => value !== ''));
}

function textMember(body: Record<string, unknown>, name: string): string | undefined {
  const value = own(body, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badRequest(`DeleteOptions: ${name}: expected a string`);
  return value;
}

function policyOf(text: string | undefined): 'Background' | 'Foreground' | 'Orphan' | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === 'Background' || text === 'Foreground' || text === 'Orphan') return text;
  throw badRequest(
    `propagationPolicy: Unsupported value: "${text.slice(0, 64)}": supported values: "Background", "Foreground", "Orphan"`,
  );
}

export interface DeleteRequest {
  readonly options: DeleteOptions;
  readonly dryRun: boolean;
}

/** From the body (meta/v1 DeleteOptions) and, where that says nothing, from the query. */
export function deleteRequest(query: URLSearchParams, value: unknown): DeleteRequest {
  const body = value === undefined || value === null ? {} : value;
  if (!isJsonObject(body)) throw badRequest('the body of a deletion must be DeleteOptions');
  const kind = own(body, 'kind');
  if (kind !== undefined && kind !== 'DeleteOptions') throw badRequest('the body of a deletion must be DeleteOptions');
  const grace = own(body, 'gracePeriodSeconds') ?? wholeNumberOf(query, 'gracePeriodSeconds');
  if (grace !== undefined && (typeof grace !== 'number' || !Number.isSafeInteger(grace) || grace < 0)) {
    throw badRequest('gracePeriodSeconds: must be a whole number, 0 or greater');
  }
  const preconditions = own(body, 'preconditions') ?? {};
  if (!isJsonObject(preconditions)) throw badRequest('DeleteOptions: preconditions: expected an object');
  const uid = textMember(preconditions, 'uid');
  const resourceVersion = textMember(preconditions, 'resourceVersion');
  const propagationPolicy = policyOf(textMember(body, 'propagationPolicy') ?? textOf(query, 'propagationPolicy'));
  const dryRun = own(body, 'dryRun') ?? [];
  if (!Array.isArray(dryRun)) throw badRequest('DeleteOptions: dryRun: expected an array');
  return {
    dryRun: dryRunOf(dryRun) || isDryRun(query),
    options: {
      ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      preconditions: {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    },
  };
}
