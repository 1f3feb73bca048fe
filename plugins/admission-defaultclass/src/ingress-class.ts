/** Which class an Ingress gets that names none. Pure. */
import { defaultIngressClassAnnotation, type Ingress, type IngressClass } from '@timonel/sdk/kube';

const olderWay = 'kubernetes.io/ingress.class';

export function wantsIngressClass({ metadata, spec }: Ingress): boolean {
  return spec?.ingressClassName === undefined && metadata.annotations?.[olderWay] === undefined;
}

const newestFirst = (a: IngressClass, b: IngressClass): number => {
  const [atA = '', atB = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (atA !== atB) return atA > atB ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
};

/** Of several that are marked the newest, then the first by name. */
export function defaultIngressClassOf(classes: readonly IngressClass[]): IngressClass | undefined {
  return classes
    .filter(({ metadata }) => metadata.annotations?.[defaultIngressClassAnnotation] === 'true')
    .toSorted(newestFirst)[0];
}
