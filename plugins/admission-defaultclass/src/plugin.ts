import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, type AdmissionContext, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
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

type Named = Pick<ResourceType, 'group' | 'resource'>;

const isNew = ({ operation, subresource, group, resource }: AdmissionContext, of: Named): boolean =>
  operation === 'CREATE' && subresource === '' && group === of.group && resource === of.resource;

const ingresses: Named = { group: 'networking.k8s.io', resource: 'ingresses' };
const claims: Named = { group: '', resource: 'persistentvolumeclaims' };

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
    const ofIngress = async (object: AdmissionObject): Promise<AdmissionObject | undefined> => {
      const ingress = object as unknown as Ingress;
      if (!wantsIngressClass(ingress)) return undefined;
      const name = defaultIngressClassOf(await all(ingressClasses))?.metadata.name;
      if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
      return object;
    };
    const ofClaim = async (object: AdmissionObject): Promise<AdmissionObject | undefined> => {
      const claim = object as unknown as PersistentVolumeClaim;
      if (!wantsDefaultClass(claim)) return undefined;
      const name = defaultClassOf(await all(storageClasses))?.metadata.name;
      if (name !== undefined) claim.spec = { ...claim.spec, storageClassName: name };
      return object;
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        if (isNew(context, ingresses)) return ofIngress(object);
        return isNew(context, claims) ? ofClaim(object) : undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
  },
});

export default plugin;
