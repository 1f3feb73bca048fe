import type { SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import type { LogOptions } from '@timonel/sdk/contracts/node';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { parseTimestamp } from '../table/time.ts';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { begunStream } from './log-stream.ts';
import { nodeOf, referenceTo } from './node-of-pod.ts';
import { flag } from './query-flag.ts';
import type { SubresourceServices } from './subresources.ts';

function refuse(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

function invalidOption(field: string, value: string, detail: string): ApiError {
  const message = `Invalid value: ${JSON.stringify(value)}: ${detail}`;
  return new ApiError('Invalid', `PodLogOptions "" is invalid: ${field}: ${message}`, {
    kind: 'PodLogOptions',
    causes: [{ reason: 'FieldValueInvalid', message, field }],
  });
}

function count(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw refuse(`${name}: "${text}" is not a whole number`);
  if (value < least)
    throw invalidOption(name, text, least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0');
  return value;
}

function streamOf(query: URLSearchParams): Pick<LogOptions, 'stream'> {
  const stream = query.get('stream') ?? 'All';
  if (stream === 'All') return {};
  if (stream !== 'Stdout' && stream !== 'Stderr')
    throw invalidOption('stream', stream, 'supported values: "All", "Stdout", "Stderr"');
  // The lines of the end are counted before they are told apart.
  if (query.has('tailLines'))
    throw invalidOption(
      'tailLines',
      query.get('tailLines') ?? '',
      '`tailLines` and specific `stream` are mutually exclusive for now',
    );
  return { stream };
}

function containerNames(pod: Pod): string[] {
  const spec = objectOf(pod.spec);
  return itemsOf(spec.containers).map((item) => textOf(objectOf(item).name));
}

/** The container that is meant: the named one, or the only one, or the one an annotation names. */
function chooseContainer(pod: Pod, wanted: string): string {
  const name = textOf(pod.metadata.name);
  const spec = objectOf(pod.spec);
  const init = itemsOf(spec.initContainers).map((item) => textOf(objectOf(item).name));
  const ephemeral = itemsOf(spec.ephemeralContainers).map((item) => textOf(objectOf(item).name));
  const own = containerNames(pod);
  if (wanted !== '') {
    if ([...own, ...init, ...ephemeral].includes(wanted)) return wanted;
    throw refuse(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  const initPart = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw refuse(`a container name must be specified for pod ${name}, choose one of: [${own.join(' ')}]${initPart}`);
}

function readOptions(pod: Pod, query: URLSearchParams, signal: AbortSignal): LogOptions {
  const sinceSeconds = count(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime') ?? undefined;
  if (sinceTime !== undefined && parseTimestamp(sinceTime) === undefined)
    throw refuse(`sinceTime: "${sinceTime}" is not a time in the form of RFC 3339`);
  if (sinceTime !== undefined && sinceSeconds !== undefined)
    throw refuse('at most one of `sinceTime` or `sinceSeconds` may be specified');
  return {
    container: chooseContainer(pod, query.get('container') ?? ''),
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    tailLines: count(query, 'tailLines', 0),
    limitBytes: count(query, 'limitBytes', 1),
    sinceSeconds,
    sinceTime,
    timestamps: flag(query, 'timestamps'),
    ...streamOf(query),
    signal,
  };
}

/** GET pods/NAME/log: the node of the pod streams what a container wrote. */
export function logHandler(services: SubresourceServices): SubresourceHandler<Pod> {
  return {
    methods: ['GET'],
    kind: 'Pod',
    async handle(request, access) {
      const pod = await access.get();
      const options = readOptions(pod, request.query, request.signal);
      const node = await nodeOf(services, pod);
      const logs = node.logs(referenceTo(pod), options);
      return { kind: 'stream', contentType: 'text/plain', stream: await begunStream(logs, services.env.timers) };
    },
  };
}
