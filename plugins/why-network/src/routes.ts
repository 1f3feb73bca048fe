/** The route of why.timonel.dev that says what would become of a connection. */
import type { Route, RouteRequest } from '@timonel/sdk/contracts/api-server';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, subjectAccessReviews } from '@timonel/sdk/kube';
import { readScene, type EndName, type MayAsk, type Question, type SceneReader } from './read-scene.ts';
import type { Protocol } from './scene.ts';
import { trafficOf } from './traffic.ts';

const apiVersion = 'why.timonel.dev/v1';
const kinds = ['pods', 'services', 'addresses'] as const;
const protocols: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];
/** More questions at once are refused: each reads objects of whole namespaces. */
const underWayLimit = 8;
const nameLimit = 253;

function kindOf(text: string): EndName['kind'] {
  const found = kinds.find((kind) => kind === text);
  if (found === undefined)
    throw new ApiError('BadRequest', `"${text}" has no traffic; these have: ${kinds.join(', ')}`);
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError('BadRequest', `the path has a part that is not valid: ${text}`);
  }
}

/** `pods/web-0`. */
function targetOf(text: string, namespace: string): EndName {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (name === '' || rest.length > 0 || text.length > nameLimit + 16) {
    throw new ApiError('BadRequest', 'the parameter "to" must be like pods/web-0, services/web or addresses/10.0.0.1');
  }
  return { kind: kindOf(kind), namespace, name };
}

function questionOf({ params, query }: RouteRequest): Question {
  const part = (name: string): string => decoded(params[name] ?? '');
  const namespace = part('namespace');
  const protocol = protocols.find((one) => one === (query.get('protocol') ?? 'TCP').toUpperCase());
  if (protocol === undefined) throw new ApiError('BadRequest', `the protocol must be one of ${protocols.join(', ')}`);
  return {
    from: { kind: kindOf(part('resource')), namespace, name: part('name') },
    to: targetOf(query.get('to') ?? '', query.get('toNamespace') ?? namespace),
    protocol,
    port: query.get('port') ?? undefined,
  };
}

/** What the path says was judged already; everything else is asked for. */
function mayAskOf(api: ApiClient, { user, params }: RouteRequest): MayAsk {
  const { username, uid, groups, extra } = user;
  return async (kind, namespace) => {
    if (groups.includes('system:masters')) return true;
    if (kind === params['resource'] && namespace === params['namespace']) return true;
    const resourceAttributes = {
      verb: 'get',
      group: 'why.timonel.dev',
      version: 'v1',
      resource: kind,
      subresource: 'traffic',
      namespace,
    };
    const { status } = await api.create(subjectAccessReviews, {
      metadata: {},
      spec: { user: username, uid, groups, extra, resourceAttributes },
    });
    return status?.allowed === true;
  };
}

export function trafficRoutes(reader: SceneReader): readonly Route[] {
  let underWay = 0;
  return [
    {
      method: 'GET',
      path: `/apis/${apiVersion}/namespaces/:namespace/:resource/:name/traffic`,
      async handle(request) {
        const question = questionOf(request);
        if (underWay >= underWayLimit) {
          const message = `${underWayLimit} questions about traffic are under way already: try again`;
          throw new ApiError('TooManyRequests', message, { retryAfterSeconds: 1 });
        }
        underWay += 1;
        try {
          const traffic = trafficOf(await readScene(reader, question, mayAskOf(reader.api, request)));
          return { kind: 'object', status: 200, object: { kind: 'Traffic', apiVersion, ...traffic } };
        } finally {
          underWay -= 1;
        }
      },
    },
  ];
}
