/** Conversion by a webhook: ConversionReview of apiextensions.k8s.io. What comes back is not trusted. */
import { errorMessage } from '@timonel/sdk';
import { ApiError, type CustomResourceConversion, type KubeObject } from '@timonel/sdk/kube';
import { isJson, type Json } from '../schema/schema.ts';
import type { Converter } from './converter.ts';

/** Sends a body to the webhook; its answer. */
export type Send = (webhook: NonNullable<CustomResourceConversion['webhook']>, body: unknown) => Promise<unknown>;

/** Objects of one call. */
const mostObjects = 500;
const known = ['v1', 'v1beta1'];

interface Review {
  readonly webhook: NonNullable<CustomResourceConversion['webhook']>;
  readonly kind: string;
  readonly send: Send;
  readonly uid: () => string;
}

function failed(objects: readonly KubeObject[], kind: string, why: string): ApiError {
  const version = objects[0]?.apiVersion ?? '';
  return new ApiError('InternalError', `conversion webhook for ${version}, Kind=${kind} failed: ${why}`);
}

function equalTexts(a: string | undefined, b: string | undefined): boolean {
  return (a ?? '') === (b ?? '');
}

function textsOf(value: unknown): Record<string, string> | undefined | 'wrong' {
  if (value === undefined || value === null) return undefined;
  if (!isJson(value) || Object.values(value).some((one) => typeof one !== 'string')) return 'wrong';
  return value as Record<string, string>;
}

/** The object with the metadata that it had, but for labels and annotations. Or what is wrong. */
function accepted(converted: unknown, original: KubeObject, apiVersion: string): KubeObject | string {
  if (!isJson(converted)) return 'it is no object';
  if (converted['apiVersion'] !== apiVersion) {
    return `invalid groupVersion (received ${String(converted['apiVersion'])} but expected ${apiVersion})`;
  }
  if (converted['kind'] !== original.kind) {
    return `invalid kind (received ${String(converted['kind'])} but expected ${original.kind ?? ''})`;
  }
  const metadata = isJson(converted['metadata']) ? converted['metadata'] : undefined;
  if (metadata === undefined) return 'metadata is missing';
  for (const field of ['name', 'namespace', 'uid'] as const) {
    const given = metadata[field];
    if (typeof given !== 'string' && given !== undefined && given !== null) return `metadata.${field} is no text`;
    if (!equalTexts(given ?? undefined, original.metadata[field])) {
      return `must have the same ${field}: ${given ?? ''} != ${original.metadata[field] ?? ''}`;
    }
  }
  const [labels, annotations] = [textsOf(metadata['labels']), textsOf(metadata['annotations'])];
  if (labels === 'wrong') return 'metadata.labels must be a map of texts';
  if (annotations === 'wrong') return 'metadata.annotations must be a map of texts';
  const { labels: _labels, annotations: _annotations, ...kept } = structuredClone(original.metadata);
  return {
    ...converted,
    metadata: { ...kept, ...(labels && { labels }), ...(annotations && { annotations }) },
  };
}

function objectsIn(answer: unknown, review: { apiVersion: string; uid: string }): readonly unknown[] | string {
  if (!isJson(answer) || !isJson(answer['response'])) return 'invalid response: there is none in the answer';
  if (answer['kind'] !== 'ConversionReview' || answer['apiVersion'] !== review.apiVersion) {
    return `expected a response of type ${review.apiVersion}, Kind=ConversionReview`;
  }
  const { response } = answer as { response: Json };
  if (response['uid'] !== review.uid) return `expected response.uid=${JSON.stringify(review.uid)}`;
  const result = isJson(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success') {
    return typeof result['message'] === 'string' && result['message'] !== ''
      ? result['message']
      : 'response.result.status was not "Success"';
  }
  return Array.isArray(response['convertedObjects']) ? response['convertedObjects'] : [];
}

async function reviewed(objects: readonly KubeObject[], apiVersion: string, review: Review): Promise<KubeObject[]> {
  const { webhook, kind, send } = review;
  const version = webhook.conversionReviewVersions.find((one) => known.includes(one)) ?? 'v1';
  const type = { apiVersion: `apiextensions.k8s.io/${version}`, kind: 'ConversionReview' };
  const uid = review.uid();
  let answer: unknown;
  try {
    answer = await send(webhook, { ...type, request: { uid, desiredAPIVersion: apiVersion, objects } });
  } catch (error) {
    throw failed(objects, kind, errorMessage(error));
  }
  const found = objectsIn(answer, { apiVersion: type.apiVersion, uid });
  if (typeof found === 'string') throw failed(objects, kind, found);
  if (found.length !== objects.length) {
    throw failed(objects, kind, `returned ${found.length} objects, expected ${objects.length}`);
  }
  return objects.map((original, index) => {
    const one = accepted(found[index], original, apiVersion);
    if (typeof one === 'string') throw failed(objects, kind, `invalid converted object at index ${index}: ${one}`);
    return one;
  });
}

export function webhookConverter(review: Review): Converter {
  const convertAll = async (objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> => {
    const foreign = objects.filter((object) => object.apiVersion !== apiVersion);
    const converted = new Map<KubeObject, KubeObject>();
    for (let at = 0; at < foreign.length; at += mostObjects) {
      const some = foreign.slice(at, at + mostObjects);
      const made = await reviewed(some, apiVersion, review);
      some.forEach((object, index) => converted.set(object, made[index] ?? object));
    }
    return objects.map((object) => converted.get(object) ?? object);
  };
  return {
    convert: (objects, apiVersion) =>
      objects.every((object) => object.apiVersion === apiVersion) ? objects : convertAll(objects, apiVersion),
  };
}
