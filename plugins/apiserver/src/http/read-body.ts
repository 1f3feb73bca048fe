/** Reads and parses request bodies, with a bound on size and nesting. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { errorMessage } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';
import { parseYaml } from '../json/parse-yaml.ts';
import { nestedDeeperThan } from '../json/plain-json.ts';
import { decodeKubernetesProtobuf } from '../protobuf/decode.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { Exchange } from './exchange.ts';

const nestingLimit = 500;

export interface Body {
  /** Undefined: the request has no body. */
  readonly value: unknown;
  /** As it came. Empty when it was YAML. */
  readonly jsonText: string;
}

function tooLarge(limit: number): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limit} bytes`);
}

const ignore = (): void => undefined;

/** @throws ApiError RequestEntityTooLarge, BadRequest (the client went away) */
async function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) throw tooLarge(limitBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes) {
        request.pause();
        reject(tooLarge(limitBytes));
      } else chunks.push(chunk);
    });
    request.once('end', resolve);
    request.once('error', ignore);
    // Whatever went wrong, this comes after it.
    request.once('close', () => {
      if (!request.complete) reject(badRequest('the request ended before its body was complete'));
    });
  });
  return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
}

/** The media type without parameters; JSON when the header is missing. */
export function contentType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

const yamlTypes = new Set([
  'application/yaml',
  'text/yaml',
  'application/x-yaml',
  'text/x-yaml',
  'application/apply-patch+yaml',
]);

export function unsupportedMediaType(accepted: string): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}

/** Some words of the body, which may be a secret's. */
const excerpt = /, (?:\.{3})?"[^]*"(?:\.{3})?(?= is not valid JSON$)/;

function parseText(text: string, yaml: boolean): unknown {
  try {
    return yaml ? parseYaml(text) : (JSON.parse(text) as unknown);
  } catch (error) {
    const [line] = errorMessage(error).replace(excerpt, ': it').split('\n');
    throw badRequest(`the body cannot be parsed as ${yaml ? 'YAML' : 'JSON'}: ${line}`);
  }
}

/** Most clients apply JSON, which is YAML too, but much quicker to read. */
function isJson(text: string): boolean {
  if (!text.startsWith('{')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a body comes with. */
export type Received = Pick<Exchange, 'req' | 'audit'>;

const protobufType = 'application/vnd.kubernetes.protobuf';

function parseProtobuf(bytes: Buffer): unknown {
  try {
    return decodeKubernetesProtobuf(bytes);
  } catch (error) {
    throw badRequest(`the body cannot be parsed as protobuf: ${errorMessage(error)}`);
  }
}

/** @throws ApiError UnsupportedMediaType, BadRequest, RequestEntityTooLarge */
export async function readBody(ctx: Received, limitBytes: number, accepted?: readonly string[]): Promise<Body> {
  const body = await readRequest(ctx.req, limitBytes, accepted);
  ctx.audit?.request(body.value);
  return body;
}

async function readRequest(
  request: IncomingMessage,
  limitBytes: number,
  accepted: readonly string[] | undefined,
): Promise<Body> {
  const type = contentType(request);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new ApiError(
      'UnsupportedMediaType',
      `the content-encoding ${encoding.slice(0, 64)} is not accepted: send the body as it is`,
    );
  }
  const bytes = await readBytes(request, limitBytes);
  if (bytes.length === 0) return { value: undefined, jsonText: '' };
  if (accepted === undefined && type === protobufType) return { value: parseProtobuf(bytes), jsonText: '' };
  const known = accepted?.includes(type) ?? (type === 'application/json' || yamlTypes.has(type));
  if (!known)
    throw unsupportedMediaType((accepted ?? ['application/json', 'application/yaml', protobufType]).join(', '));
  if (!isUtf8(bytes)) throw badRequest('the body is not valid UTF-8');
  const text = bytes.toString('utf8');
  const yaml = yamlTypes.has(type) && !isJson(text);
  const value = parseText(text, yaml);
  if (text.length > nestingLimit && nestedDeeperThan(value, nestingLimit)) {
    throw badRequest(`the body is nested deeper than ${nestingLimit} levels`);
  }
  return { value, jsonText: yaml ? '' : text };
}
