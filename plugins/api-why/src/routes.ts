/** Routes of why.timonel.dev: what can be explained, and explanations. */
import { errorMessage, type Env, type Logger, type Provider } from '@timonel/sdk';
import type { Route, RouteRequest, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { ExplainedKind, ExplainedObject, Explainer, Why } from '@timonel/sdk/contracts/why';
import { ApiError } from '@timonel/sdk/kube';
import { Asker } from './ask.ts';

const apiVersion = 'why.timonel.dev/v1';
const root = `/apis/${apiVersion}`;

const nameOfKind = ({ group, resource }: ExplainedKind): string => (group === '' ? resource : `${resource}.${group}`);

/** `pods`, or `deployments.apps`. */
function kindOf(text: string): ExplainedKind {
  const dot = text.indexOf('.');
  return dot < 0 ? { group: '', resource: text } : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

function objectOf({ params }: RouteRequest): ExplainedObject {
  const part = (name: string): string => {
    try {
      return decodeURIComponent(params[name] ?? '');
    } catch {
      throw new ApiError('BadRequest', `the path has a part that is not valid: ${params[name]}`);
    }
  };
  const namespace = params['namespace'] === undefined ? {} : { namespace: part('namespace') };
  return { ...kindOf(part('resource')), ...namespace, name: part('name') };
}

function answer(object: unknown): SubresourceResponse {
  return { kind: 'object', status: 200, object };
}

function whyObject({ object, ...why }: Why): unknown {
  const { namespace, name, uid } = object;
  return { kind: 'Why', apiVersion, metadata: { namespace, name, uid }, object, ...why };
}

/** More than these at once are refused: an explanation takes the time of a decision or several. */
const underWayLimit = 16;

export function whyRoutes(all: () => readonly Provider<Explainer>[], env: Env, log: Logger): readonly Route[] {
  const asker = new Asker(all, env, log);

  let underWay = 0;

  async function ask(object: ExplainedObject): Promise<Why | undefined> {
    if (underWay >= underWayLimit) {
      const message = `${underWayLimit} explanations are under way already: try again`;
      throw new ApiError('TooManyRequests', message, { retryAfterSeconds: 1 });
    }
    underWay += 1;
    try {
      return await asker.ask(object);
    } catch (error) {
      throw new ApiError('InternalError', errorMessage(error), undefined, { cause: error });
    } finally {
      underWay -= 1;
    }
  }

  async function explain(request: RouteRequest): Promise<SubresourceResponse> {
    const object = objectOf(request);
    const kind = nameOfKind(object);
    const known = asker.kinds().map(nameOfKind);
    if (!known.includes(kind)) {
      const can = known.length === 0 ? 'nothing can at present' : `these can: ${known.join(', ')}`;
      throw new ApiError('BadRequest', `nobody explains "${kind}"; ${can}`);
    }
    const why = await ask(object);
    if (why !== undefined) return answer(whyObject(why));
    const { name, group, resource } = object;
    throw new ApiError('NotFound', `${kind} "${name}" not found`, {
      name,
      kind: resource,
      ...(group === '' ? {} : { group }),
    });
  }

  const list = (): SubresourceResponse =>
    answer({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersion,
      resources: asker.kinds().map((kind) => ({
        name: nameOfKind(kind),
        singularName: '',
        namespaced: true,
        kind: 'Why',
        verbs: ['get'],
      })),
    });

  return [
    { method: 'GET', path: root, handle: () => Promise.resolve(list()) },
    { method: 'GET', path: `${root}/namespaces/:namespace/:resource/:name`, handle: explain },
    { method: 'GET', path: `${root}/:resource/:name`, handle: explain },
  ];
}
