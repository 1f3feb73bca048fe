/** Why an Ingress is, or is not, served. */
import type { Cause, ExplainedObject, Explainer, Why } from '@timonel/sdk/contracts/why';
import { ingresses, objectKey, type Ingress, type IngressClass } from '@timonel/sdk/kube';
import type { EngineStatus } from '../haproxy/engine.ts';
import { controllerName } from '../ingress/classes.ts';
import { explainGateway, gatewayKinds } from './gateway-explainer.ts';
import type { Translated } from '../routing-source.ts';

export interface ExplainerParts {
  readonly translated: () => Translated | undefined;
  readonly ingresses: () => readonly Ingress[];
  readonly classes: () => readonly IngressClass[];
  readonly engine: () => EngineStatus;
}

const component = 'ingress-haproxy';

function classCause({ spec }: Ingress, classes: readonly IngressClass[]): Cause {
  const name = spec?.ingressClassName;
  const ours = classes
    .filter((found) => found.spec?.controller === controllerName)
    .map(({ metadata }) => metadata.name);
  const unblock =
    ours.length === 0
      ? `make an IngressClass whose controller is ${controllerName}`
      : `spec.ingressClassName: ${ours[0]}`;
  if (name === undefined)
    return {
      component,
      code: 'no-class',
      text: 'it names no class, and no class that is served here is the default',
      unblock,
    };
  const found = classes.find(({ metadata }) => metadata.name === name);
  if (found === undefined)
    return { component, code: 'class-not-found', text: `there is no IngressClass ${name}`, unblock };
  return {
    component,
    code: 'other-class',
    text: `the class ${name} is served by ${found.spec?.controller ?? 'nobody'}`,
    unblock,
  };
}

function withoutPods(translated: Translated, ingress: Ingress): Cause[] {
  const { namespace = '' } = ingress.metadata;
  const names = new Set(
    [
      ingress.spec?.defaultBackend,
      ...(ingress.spec?.rules ?? []).flatMap(({ http }) => http?.paths.map(({ backend }) => backend) ?? []),
    ].flatMap((backend) => (backend?.service === undefined ? [] : [`${namespace}/${backend.service.name}`])),
  );
  return [...translated.table.upstreams.values()]
    .filter(({ id, endpoints }) => endpoints.length === 0 && names.has(id.slice(0, id.lastIndexOf(':'))))
    .map(({ id }) => {
      const name = id.slice(0, id.lastIndexOf(':'));
      return {
        component,
        code: 'no-endpoints',
        text: `the Service ${name} has no pod that is ready`,
        unblock: `timonel why service ${name.split('/')[1]} -n ${namespace}`,
      };
    });
}

export function ingressExplainer(parts: ExplainerParts): Explainer {
  const { group, resource } = ingresses;
  return {
    kinds: () => [{ group, resource }, ...gatewayKinds],
    explain(object: ExplainedObject): Promise<Why | undefined> {
      if (object.group !== group)
        return Promise.resolve(explainGateway(parts.translated(), object, parts.engine().lastError));
      const key = `${object.namespace ?? ''}/${object.name}`;
      const ingress = parts.ingresses().find((candidate) => objectKey(candidate) === key);
      const translated = parts.translated();
      if (ingress === undefined || translated === undefined) return Promise.resolve(undefined);
      const { uid } = ingress.metadata;
      const isServed = translated.ingresses.some(({ metadata }) => metadata.uid === uid);
      const { lastError } = parts.engine();
      const causes: Cause[] = !isServed
        ? [classCause(ingress, parts.classes())]
        : [
            ...(lastError === undefined ? [] : [{ component, code: 'haproxy', text: lastError }]),
            ...translated.problems
              .filter((problem) => problem.object.metadata.uid === uid)
              .map(({ reason, message, unblock }) => ({
                component,
                code: reason,
                text: message,
                ...(unblock === undefined ? {} : { unblock }),
              })),
            ...withoutPods(translated, ingress),
          ];
      const state = !isServed ? 'NotServed' : causes.length === 0 ? 'Served' : 'Degraded';
      const summary = causes[0]?.text ?? 'all of its routes are served';
      const about = {
        group,
        resource,
        ...(object.namespace === undefined ? {} : { namespace: object.namespace }),
        name: object.name,
      };
      return Promise.resolve({
        object: { ...about, ...(uid === undefined ? {} : { uid }) },
        state,
        summary,
        causes,
        decisions: [],
      });
    },
  };
}
