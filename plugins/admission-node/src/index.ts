import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, isPodCreation, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { inReadLimit, isApiAbsent } from '@timonel/sdk/controller';
import { isNotFound, nodes, topologyLabelsOf, type Node, type Pod } from '@timonel/sdk/kube';
import { taintNew } from './not-ready-taint.ts';

function isNodeCreation({ group, resource, operation, subresource }: AdmissionContext): boolean {
  return group === '' && resource === 'nodes' && operation === 'CREATE' && subresource === '';
}

/** What Kubernetes' admission plugins TaintNodesByCondition and PodTopologyLabels do. Bindings get their labels where they are served. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-node',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Keeps pods off new nodes until these are ready; gives pods that are made on a node its topology labels.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const labelNow = async (pod: Pod, name: string): Promise<undefined> => {
      try {
        const node = await inReadLimit(ctx.env, api.get(nodes, { name }));
        const labels = topologyLabelsOf(node);
        if (Object.keys(labels).length > 0) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
      } catch (error) {
        // Whether a pod may be on a node that there is not is not decided here.
        if (!isNotFound(error) && !isApiAbsent(error)) throw error;
      }
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        if (isNodeCreation(context)) taintNew(object as unknown as Node);
        if (!isPodCreation(context)) return undefined;
        const pod = object as unknown as Pod;
        const name: unknown = (pod.spec as Partial<Pod['spec']> | undefined)?.nodeName;
        return typeof name === 'string' && name !== '' ? labelNow(pod, name) : undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
  },
});

export default plugin;
