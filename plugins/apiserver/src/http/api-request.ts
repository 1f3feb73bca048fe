/** A request to a resource, with all that its verb needs. */
import type { Env, Logger } from '@timonel/sdk';
import type { AdmissionNotes } from '@timonel/sdk/contracts/admission';
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { KubeObject } from '@timonel/sdk/kube';
import type { ApiServerConfig } from '../config.ts';
import type { Connections } from '../connect/connections.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { checkedManager, managerOfAgent } from '../managed-fields/manager-name.ts';
import type { ApiMetrics } from '../metrics/definitions.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { Target, Written } from '../registry/request.ts';
import { TableMaker, type IncludeObject } from '../table/table-maker.ts';
import { partialMetadata } from '../table/partial-metadata.ts';
import type { Exchange } from './exchange.ts';
import { addWarning, sendBytes, sendObject } from './answers.ts';
import { answerForm, plainForms, type AnswerForm } from './negotiation.ts';

export interface ApiParts {
  readonly registry: Registry;
  readonly env: Env;
  readonly log: Logger;
  readonly config: ApiServerConfig;
  readonly metrics: ApiMetrics;
  readonly connections: Connections;
}

export interface ApiRequest {
  readonly ctx: Exchange;
  readonly parts: ApiParts;
  readonly query: URLSearchParams;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
  readonly user: UserInfo;
  /** What it asks for, as if it were by another verb. */
  access(verb: string): AccessAttributes;
}

const optionsOf: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

/** @throws ApiError Invalid */
function managerOf({ ctx, query }: ApiRequest): string {
  const named = query.get('fieldManager');
  if (named === null || named === '') return managerOfAgent(ctx.req.headers['user-agent']);
  return checkedManager(named, optionsOf[ctx.method] ?? 'DeleteOptions');
}

const warningsLimit = 32;

/** A write that is tried again says everything again. */
export function notesOf({ ctx }: Pick<ApiRequest, 'ctx'>): AdmissionNotes {
  const said = new Set<string>();
  return {
    warn(text) {
      if (said.has(text) || said.size >= warningsLimit) return;
      said.add(text);
      addWarning(ctx, text);
    },
    annotate: (key, value) => ctx.audit?.annotate(key, value),
  };
}

export function targetOf(request: ApiRequest, dryRun: boolean): Target {
  const { kind, namespace, name, user } = request;
  return { kind, namespace, name: name ?? '', user, manager: managerOf(request), dryRun, notes: notesOf(request) };
}

/** What the kind has to say about an object that is not wrong. */
export function warnAbout(request: ApiRequest, object: KubeObject): void {
  for (const text of request.kind.definition.strategy.warnings?.(object) ?? []) addWarning(request.ctx, text);
}

export function tableOf(request: ApiRequest): TableMaker {
  const include = request.query.get('includeObject') ?? 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw badRequest('includeObject: supported values: "None", "Metadata", "Object"');
  }
  return new TableMaker(request.parts.env, include satisfies IncludeObject);
}

/** Sends one object in the form the client asked for. The bytes are the stored ones where they can be. */
export function sendWritten(request: ApiRequest, status: number, written: Written): void {
  const { ctx, kind } = request;
  // Reviews are no objects that somebody could list.
  const form = answerForm(ctx.get('accept'), kind.definition.answer === undefined ? undefined : plainForms);
  if (form === 'json') sendBytes(ctx, status, written.wire);
  else sendFormed(request, status, written.object, form);
}

function sendFormed(request: ApiRequest, status: number, object: KubeObject, form: AnswerForm): void {
  const { ctx, kind } = request;
  switch (form) {
    case 'table': {
      const { resourceVersion } = object.metadata;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      sendObject(ctx, status, tableOf(request).make(kind, [object], metadata));
      return;
    }
    case 'partial':
      sendObject(ctx, status, partialMetadata(object));
      return;
    case 'yaml':
      sendObject(ctx, status, object, true);
      return;
    default:
      sendObject(ctx, status, object);
  }
}
