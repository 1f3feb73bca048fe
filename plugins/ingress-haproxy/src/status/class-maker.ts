import type { ApiClient } from '@timonel/sdk/contracts/api';
import { apiErrorReason, defaultIngressClassAnnotation, ingressClasses, type IngressClass } from '@timonel/sdk/kube';
import { controllerName } from '../ingress/classes.ts';

/** Makes the class of this controller where there is none of it: the default one only where no other is that. */
export async function makeClass(
  api: ApiClient,
  { className, defaultClass }: { readonly className: string; readonly defaultClass: boolean },
  known: readonly IngressClass[],
): Promise<void> {
  if (className === '' || known.some(({ spec }) => spec?.controller === controllerName)) return;
  const isDefault = ({ metadata }: IngressClass): boolean =>
    metadata.annotations?.[defaultIngressClassAnnotation] === 'true';
  const annotations = defaultClass && !known.some(isDefault) ? { [defaultIngressClassAnnotation]: 'true' } : {};
  try {
    await api.create(ingressClasses, {
      metadata: { name: className, annotations },
      spec: { controller: controllerName },
    });
  } catch (error) {
    if (apiErrorReason(error) !== 'AlreadyExists') throw error;
  }
}
