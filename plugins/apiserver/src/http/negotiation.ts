/** Which form of an answer the client asked for by `Accept`. */
import { ApiError } from '@timonel/sdk/kube';

export type AnswerForm = 'json' | 'yaml' | 'table' | 'partial';

export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const lengthLimit = 4096;

/** Media ranges in order of preference. */
export function parseAccept(header: string | undefined): MediaRange[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }];
  const ranges = header
    .slice(0, lengthLimit)
    .split(',')
    .map((text) => {
      const [type = '', ...rest] = text.split(';').map((part) => part.trim());
      const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
      for (const part of rest) {
        const [name = '', value = ''] = part.split('=');
        parameters[name.trim().toLowerCase()] = value.trim();
      }
      return { type: type.toLowerCase(), parameters, quality: Number(parameters['q'] ?? 1) };
    });
  return ranges
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ type, parameters }) => ({ type, parameters }));
}

function formOf({ type, parameters }: MediaRange): AnswerForm | undefined {
  if (type === 'application/yaml') return parameters['as'] === undefined ? 'yaml' : undefined;
  if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') return undefined;
  switch (parameters['as']) {
    case undefined:
      return 'json';
    case 'Table':
      return parameters['v'] === 'v1' && parameters['g'] === 'meta.k8s.io' ? 'table' : undefined;
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return parameters['v'] === 'v1' && parameters['g'] === 'meta.k8s.io' ? 'partial' : undefined;
    default:
      return undefined;
  }
}

const mediaTypes: Readonly<Record<AnswerForm, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  partial: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
};
const allForms: readonly AnswerForm[] = ['json', 'yaml', 'table', 'partial'];
/** Of what has neither columns nor metadata. */
export const plainForms: readonly AnswerForm[] = ['json', 'yaml'];

/** @throws ApiError NotAcceptable */
export function answerForm(header: string | undefined, forms: readonly AnswerForm[] = allForms): AnswerForm {
  if (header === 'application/json') return 'json';
  for (const range of parseAccept(header)) {
    const form = formOf(range);
    if (form !== undefined && forms.includes(form)) return form;
  }
  const accepted = forms.map((form) => mediaTypes[form]).join(', ');
  throw new ApiError('NotAcceptable', `only the following media types are accepted: ${accepted}`);
}
