import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { isApiAbsent } from '@timonel/sdk/controller';
import {
  ingressClasses,
  storageClasses,
  type Ingress,
  type KubeObject,
  type PersistentVolumeClaim,
  type ResourceType,
} from '@timonel/sdk/kube';
import { defaultClassOf, wantsDefaultClass } from '@timonel/sdk/volumes';
import { defaultIngressClassOf, wantsIngressClass } from './ingress-class.ts';

const isNew = ({ operation, subresource, group, resource }: AdmissionContext, of: ResourceType): boolean =>
  operation === 'CREATE' && subresource === '' && group === of.group && resource === of.resource;

const ingresses = { group: 'networking.k8s.io', resource: 'ingresses' } as ResourceType;
const claims = { group: '', resource: 'persistentvolumeclaims' } as ResourceType;

const plugin: AnyPlugin = definePlugin({
  name: 'admission-defaultclass',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives new Ingresses and volume claims that name no class the default one.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    /** They are few, and rarely asked for. While they cannot be read, controllers find the default class later. */
    const all = async <T extends KubeObject>(type: ResourceType<T>): Promise<readonly T[]> => {
      try {
        return (await api.list(type)).items;
      } catch (error) {
        if (isApiAbsent(error)) return [];
        throw error;
      }
    };
    ctx.tap(
      apiHooks.objectMutate,
      async (object, context) => {
        if (isNew(context, ingresses)) {
          const ingress = object as unknown as Ingress;
          if (!wantsIngressClass(ingress)) return undefined;
          const name = defaultIngressClassOf(await all(ingressClasses))?.metadata.name;
          if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
          return object;
        }
        if (!isNew(context, claims)) return undefined;
        const claim = object as unknown as PersistentVolumeClaim;
        if (!wantsDefaultClass(claim)) return undefined;
        const name = defaultClassOf(await all(storageClasses))?.metadata.name;
        if (name !== undefined) claim.spec = { ...claim.spec, storageClassName: name };
        return object;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
  },
});

export default plugin;
