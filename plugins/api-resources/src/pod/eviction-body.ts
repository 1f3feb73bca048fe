/** What the body of POST pods/NAME/eviction asks for. What is not understood is refused: guessed at, it might evict for real. */
import type { DeleteOptions } from '@timonel/sdk/contracts/api';
import type { SubresourceRequest } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { fieldOf, isObject, textOf } from '../validation/loose.ts';

export interface WantedEviction {
  readonly options: DeleteOptions;
  readonly dryRun: boolean;
}

type Body = Pick<SubresourceRequest, 'name' | 'namespace' | 'query' | 'body'>;

const versions = ['', 'policy/v1', 'policy/v1beta1'];
const policies = ['Background', 'Foreground', 'Orphan'] as const;

function bad(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

/** A field that may be absent or null. @throws ApiError BadRequest */
function optional<T>(
  object: unknown,
  name: string,
  what: string,
  isRight: (value: unknown) => value is T,
): T | undefined {
  const value = fieldOf(object, name);
  if (value === undefined || value === null) return undefined;
  if (!isRight(value)) throw bad(`Eviction in version "v1" cannot be handled as a Eviction: ${name}: expected ${what}`);
  return value;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

function checkIdentity({ name, namespace = '', body }: Body): void {
  if (!isObject(body)) throw bad('the body of an eviction is an object of kind Eviction');
  const [kind, apiVersion] = [textOf(fieldOf(body, 'kind')), textOf(fieldOf(body, 'apiVersion'))];
  if ((kind !== '' && kind !== 'Eviction') || !versions.includes(apiVersion))
    throw bad(`${apiVersion} ${kind} cannot be handled as an Eviction of policy/v1`);
  const metadata = fieldOf(body, 'metadata');
  const [itsName, itsNamespace] = [textOf(fieldOf(metadata, 'name')), textOf(fieldOf(metadata, 'namespace'))];
  if (itsName !== '' && itsName !== name)
    throw bad(`name in URL does not match name in Eviction object: ${name} != ${itsName}`);
  if (itsNamespace !== '' && itsNamespace !== namespace)
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
}

function policyOf(options: unknown): DeleteOptions['propagationPolicy'] {
  const text = optional(options, 'propagationPolicy', 'a string', isText);
  if (text === undefined) return undefined;
  const policy = policies.find((one) => one === text);
  if (policy === undefined)
    throw bad(
      `propagationPolicy: Unsupported value: "${text.slice(0, 64)}": supported values: "${policies.join('", "')}"`,
    );
  return policy;
}

function preconditionsOf(options: unknown): DeleteOptions['preconditions'] {
  const found = optional(options, 'preconditions', 'an object', isObject);
  if (found === undefined) return undefined;
  const uid = optional(found, 'uid', 'a string', isText) ?? '';
  const resourceVersion = optional(found, 'resourceVersion', 'a string', isText) ?? '';
  return { ...(uid === '' ? {} : { uid }), ...(resourceVersion === '' ? {} : { resourceVersion }) };
}

/** `kubectl drain --dry-run=server` says it in the body alone. */
function isDryRun(query: URLSearchParams, options: unknown): boolean {
  const values = [...query.getAll('dryRun'), ...(optional(options, 'dryRun', 'an array of strings', isTexts) ?? [])];
  if (values.some((value) => value !== 'All' && value !== ''))
    throw bad('dryRun: Unsupported value: supported values: "All"');
  return values.includes('All');
}

/** @throws ApiError BadRequest */
export function readEviction(request: Body): WantedEviction {
  checkIdentity(request);
  const options = optional(request.body, 'deleteOptions', 'an object', isObject);
  const gracePeriodSeconds = optional(options, 'gracePeriodSeconds', 'a whole number, 0 or greater', isWhole);
  const propagationPolicy = policyOf(options);
  const preconditions = preconditionsOf(options);
  return {
    options: {
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(preconditions === undefined ? {} : { preconditions }),
    },
    dryRun: isDryRun(request.query, options),
  };
}
