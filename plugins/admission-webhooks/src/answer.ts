/** What a webhook answers. It is not trusted. */
import type { Status } from '@timonel/sdk/kube';

type Json = Record<string, unknown>;

export interface Verdict {
  readonly allowed: boolean;
  /** Operations of a JSON patch. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: Json | undefined;
}

const annotationsLimit = 64;
/** Of what it says about a refusal, which goes into answers, logs, events and conditions. */
const messageLimit = 32 * 1024;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function patchIn(response: Json, version: string): unknown {
  const { patch, patchType } = response;
  if (patch === undefined || patch === null || patch === '') {
    if (patchType !== undefined && patchType !== null && version === 'v1')
      throw new Error('webhook returned response.patchType but not response.patch');
    return undefined;
  }
  if (typeof patch !== 'string') throw new Error('response.patch must be a text in base64');
  if (patchType !== 'JSONPatch' && (version === 'v1' || patchType !== undefined)) {
    throw new Error(
      patchType === undefined || patchType === null
        ? 'webhook returned response.patch but not response.patchType'
        : `webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`,
    );
  }
  return JSON.parse(Buffer.from(patch, 'base64').toString('utf8')) as unknown;
}

/** `mutates`: others may not answer with a patch. @throws Error what is wrong with it */
export function verdictIn(answer: unknown, uid: string, version: string, mutates: boolean): Verdict {
  if (!isJson(answer) || !isJson(answer['response'])) throw new Error('webhook response was absent');
  const apiVersion = `admission.k8s.io/${version}`;
  const { response, kind, apiVersion: given } = answer as Json & { response: Json };
  if (version === 'v1' && (kind !== 'AdmissionReview' || given !== apiVersion)) {
    throw new Error(
      `expected webhook response of ${apiVersion}, Kind=AdmissionReview, got ${String(given)}, Kind=${String(kind)}`,
    );
  }
  if (version === 'v1' && response['uid'] !== uid) {
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  }
  const { allowed = false, warnings, auditAnnotations, status } = response;
  if (typeof allowed !== 'boolean') throw new Error('response.allowed must be true or false');
  const patch = patchIn(response, version);
  if (patch !== undefined && !mutates) throw new Error('validating webhooks may not return response.patch');
  const annotations = isJson(auditAnnotations) ? Object.entries(auditAnnotations).slice(0, annotationsLimit) : [];
  return {
    allowed,
    patch,
    warnings: Array.isArray(warnings) ? warnings.filter((one) => typeof one === 'string') : [],
    annotations: Object.fromEntries(
      annotations.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
    status: isJson(status) ? status : undefined,
  };
}

/** The refusal of a webhook, in the words of Kubernetes, with the code and the reason that it gives. */
export function denial(name: string, given: Json | undefined): Status {
  const { message, reason, code, details } = given ?? {};
  const said = [message, reason].find((text): text is string => typeof text === 'string' && text !== '');
  const isShort = (value: unknown): boolean => JSON.stringify(value).length <= messageLimit;
  const denied = `admission webhook "${name}" denied the request`;
  const known = typeof code === 'number' && Number.isInteger(code) && code >= 400 && code < 600 ? code : 400;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: said === undefined ? `${denied} without explanation` : `${denied}: ${said.slice(0, messageLimit)}`,
    ...(typeof reason === 'string' && reason !== '' && isShort(reason) ? { reason } : {}),
    ...(isJson(details) && isShort(details) ? { details } : {}),
    code: known,
  };
}
