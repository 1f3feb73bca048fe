/** Discovery (/api, /apis, /version) and OpenAPI documents, kept as bytes until the set of kinds changes. */
import type { Context } from 'koa';
import type { KindTable } from '../kinds/kind-table.ts';
import { methodNotAllowed } from '../registry/api-errors.ts';
import { sendBytes } from '../http/answers.ts';
import { parseAccept } from '../http/negotiation.ts';
import { aggregatedGroups } from './aggregated.ts';
import { apiGroup, apiGroupList, apiVersions, resourceList } from './groups.ts';
import { aggregatedRouted, routedGroup, routedGroupEntries, routedResourceList, type RoutedTable } from './routed.ts';
import { openApiDocument, openApiIndex } from './openapi.ts';
import { encodeOpenApiV2, openApiV2ProtobufAnswer, openApiV2ProtobufType } from './openapi-v2-protobuf.ts';
import { openApiV2 } from './openapi-v2.ts';
import { serverVersion } from './version.ts';

interface GroupPath {
  readonly group: string | undefined;
  readonly version: string | undefined;
  readonly further: string | undefined;
}

export class Discovery {
  readonly #kinds: KindTable;
  readonly #routed: RoutedTable;
  #generation = '';
  #answers = new Map<string, Buffer>();

  constructor(kinds: KindTable, routed: RoutedTable) {
    this.#kinds = kinds;
    this.#routed = routed;
  }

  /** False: the path is another one. */
  handle(ctx: Context): boolean {
    const path = ctx.path.length > 1 && ctx.path.endsWith('/') ? ctx.path.slice(0, -1) : ctx.path;
    if (path === '/openapi/v2') return this.#openApiV2(ctx);
    const aggregated = path === '/api' || path === '/apis' ? wantsAggregated(ctx.get('accept')) : undefined;
    const bytes = this.#bytes(path, aggregated);
    if (bytes === undefined) return false;
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw methodNotAllowed();
    sendBytes(ctx, 200, bytes);
    if (aggregated !== undefined)
      ctx.set('content-type', `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`);
    if (path === '/api' || path === '/apis') ctx.set('vary', 'Accept');
    if (path.startsWith('/openapi/v3/') && ctx.querystring.includes('hash=')) {
      ctx.set('cache-control', 'public, immutable, max-age=31536000');
    }
    return true;
  }

  /** The older OpenAPI document: as JSON, or in the protobuf form that kubectl asks for. */
  #openApiV2(ctx: Context): boolean {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw methodNotAllowed();
    const wanted = parseAccept(ctx.get('accept'))[0]?.type;
    if (wanted === openApiV2ProtobufType) {
      const document = this.#kept('openapi/v2 protobuf', () =>
        encodeOpenApiV2(openApiV2(this.#kinds.all(), this.#kinds.schemas)),
      );
      sendBytes(ctx, 200, document);
      ctx.set('content-type', openApiV2ProtobufAnswer);
    } else {
      const document = (): Buffer => Buffer.from(JSON.stringify(openApiV2(this.#kinds.all(), this.#kinds.schemas)));
      sendBytes(ctx, 200, this.#kept('openapi/v2', document));
    }
    return true;
  }

  #bytes(path: string, aggregated: string | undefined): Buffer | undefined {
    return this.#kept(`${path} ${aggregated ?? ''}`, () => {
      const made = this.#make(path, aggregated);
      return made === undefined ? undefined : Buffer.from(JSON.stringify(made));
    });
  }

  /** What was made before, for as long as the set of kinds stays the same. */
  #kept<T extends Buffer | undefined>(key: string, make: () => T): Buffer | T {
    const generation = `${this.#kinds.generation} ${this.#routed.generation}`;
    if (this.#generation !== generation) {
      this.#generation = generation;
      this.#answers = new Map();
    }
    const kept = this.#answers.get(key);
    if (kept !== undefined) return kept;
    const bytes = make();
    if (bytes !== undefined) this.#answers.set(key, bytes);
    return bytes;
  }

  #make(path: string, aggregated: string | undefined): unknown {
    const kinds = this.#kinds.all();
    const [, root, first, second, third, ...rest] = path.split('/');
    if (root === 'openapi' && first === 'v3') {
      if (second === undefined) return openApiIndex(kinds, this.#kinds.schemas, this.#routed.delegated(kinds));
      return openApiDocument(kinds, this.#kinds.schemas, path.slice('/openapi/v3/'.length));
    }
    if (rest.length > 0) return undefined;
    if (root === 'version' && first === undefined) return serverVersion;
    if (root === 'api') {
      if (first === undefined)
        return aggregated === undefined ? apiVersions : aggregatedGroups(kinds, aggregated, undefined);
      return second === undefined ? resourceList(kinds, '', first) : undefined;
    }
    return root === 'apis' ? this.#groups({ group: first, version: second, further: third }, aggregated) : undefined;
  }

  #groups({ group, version, further }: GroupPath, aggregated: string | undefined): unknown {
    const kinds = this.#kinds.all();
    const routed = this.#routed.besides(kinds);
    const within = this.#routed.within(kinds);
    if (group === undefined) {
      return aggregated === undefined
        ? apiGroupList(kinds, within, routedGroupEntries(routed))
        : aggregatedGroups(kinds, aggregated, { within, besides: aggregatedRouted(routed) });
    }
    if (version === undefined) return apiGroup(kinds, group, within) ?? routedGroup(routed, group);
    if (further !== undefined) return undefined;
    return (
      resourceList(kinds, group, version) ??
      routedResourceList(within, group, version) ??
      routedResourceList(routed, group, version)
    );
  }
}

/** The version of the aggregated form, when the client prefers it. */
function wantsAggregated(accept: string): string | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json' && type !== '*/*') continue;
    if (parameters['as'] === undefined) return undefined;
    const version = parameters['v'];
    const fits = parameters['as'] === 'APIGroupDiscoveryList' && parameters['g'] === 'apidiscovery.k8s.io';
    if (fits && (version === 'v2' || version === 'v2beta1')) return version;
  }
  return undefined;
}
