import { defaultIngressClassAnnotation, type Ingress, type IngressClass } from '@timonel/sdk/kube';

/** `spec.controller` of the classes that are served. */
export const controllerName = 'timonel.dev/ingress-haproxy';

/** Says the class as long as `spec.ingressClassName` does not. */
const classAnnotation = 'kubernetes.io/ingress.class';

const isOurs = ({ spec }: IngressClass): boolean => spec?.controller === controllerName;

/** Whether an Ingress is to be served, by the classes that there are. */
export function servedBy(classes: readonly IngressClass[]): (ingress: Ingress) => boolean {
  const ours = new Set(classes.filter(isOurs).map(({ metadata }) => metadata.name));
  const servesOthers = classes.some(
    (found) => isOurs(found) && found.metadata.annotations?.[defaultIngressClassAnnotation] === 'true',
  );
  return ({ metadata, spec }) => {
    const name = spec?.ingressClassName ?? metadata.annotations?.[classAnnotation];
    return name === undefined ? servesOthers : ours.has(name);
  };
}
