/** Hands requests to groups and versions that are not served here over to the servers that answer for them. */
import type { OptionalRef } from '@timonel/sdk';
import type { AccessAttributes, ApiDelegate } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import type { RoutedTable } from '../discovery/routed.ts';
import { targetParts, type Exchange } from '../http/exchange.ts';
import { parseResourcePath } from '../http/resource-path.ts';
import type { ObservedRequest } from '../metrics/request-observer.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import type { Connections } from './connections.ts';
import { proxyHttp } from './http-proxy.ts';
import { upgradeOf } from './upgrade.ts';

/** As long as Kubernetes gives a request that is neither a watch nor a session. */
const answerWithinMs = 60_000;
/** Groups of this server's own routes, which need not be listed. */
const ownGroup = /(?:^|\.)timonel\.dev$/;

export interface DelegatesParts {
  readonly delegate: OptionalRef<ApiDelegate>;
  readonly kinds: KindTable;
  readonly routed: RoutedTable;
  readonly connections: Connections;
  /** @throws ApiError ServiceUnavailable while kinds may be missing that stored objects describe */
  readonly checkKindsAreKnown: () => void;
}

type Observed = Pick<ObservedRequest, 'isDelegated'>;

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** What a path belongs to: of a resource, of discovery, of a document of OpenAPI. */
function versionOf(path: string): GroupVersion | undefined {
  const [, group = '', version = ''] = /^(?:\/openapi\/v3)?\/apis\/([\w.-]+)\/([\w.-]+)\/?$/.exec(path) ?? [];
  if (group !== '') return { group, version };
  const resource = path.startsWith('/apis/') ? parseResourcePath(path) : undefined;
  return resource === undefined || resource.group === '' ? undefined : resource;
}

export class Delegates {
  readonly #parts: DelegatesParts;

  constructor(parts: DelegatesParts) {
    this.#parts = parts;
  }

  /** Whether requests are answered here, whatever anybody registers. */
  serves(group: string, version: string): boolean {
    const { kinds, routed } = this.#parts;
    const isOfKinds = kinds
      .all()
      .some(({ definition }) => definition.group === group && definition.version === version);
    return isOfKinds || routed.has(group, version) || ownGroup.test(group);
  }

  /** False: nobody else answers for it. @throws ApiError ServiceUnavailable, TooManyRequests */
  async handle(exchange: Exchange, { user, verb }: AccessAttributes, observed: Observed): Promise<boolean> {
    const { connections, delegate, checkKindsAreKnown } = this.#parts;
    const { path, querystring } = targetParts(exchange.req.url ?? '');
    const wanted = delegate.current === undefined ? undefined : versionOf(path);
    // What was allowed is what is sent: a target that reads otherwise here than there is nobody's.
    if (delegate.current === undefined || wanted === undefined || path !== exchange.path) return false;
    const { group, version } = wanted;
    if (this.serves(group, version)) return false;
    const standing = delegate.current.standing(group, version);
    if (standing === 'unclaimed') return false;
    if (standing === 'unread') throw new ApiError('ServiceUnavailable', 'the APIServices are not read yet');
    checkKindsAreKnown();
    observed.isDelegated({ group, version }, parseResourcePath(path));
    const leave = connections.enter();
    try {
      const connection = await delegate.current.connect({ group, version, user });
      const call = { request: exchange.req, response: exchange.res, connections, leave };
      const search = querystring === '' ? '' : `?${querystring}`;
      const isLong = verb === 'watch' || upgradeOf(exchange.req) !== undefined;
      const rules = { forwardsRedirects: false, ...(isLong ? {} : { answerWithinMs }) };
      await proxyHttp(call, connection, { root: '', tail: path, search }, rules);
      exchange.respond = false;
      return true;
    } catch (error) {
      leave();
      throw error;
    }
  }
}
