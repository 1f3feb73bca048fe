import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, forbiddenBy, notReadable, refuse, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { priorityClasses, type Pod } from '@timonel/sdk/kube';
import {
  applyPriority,
  defaultPriority,
  priorityOf,
  priorityProblem,
  systemPriority,
  type Priority,
} from './priority.ts';

function isNewPod({ group, resource, operation, subresource }: AdmissionContext): boolean {
  return group === '' && resource === 'pods' && operation === 'CREATE' && subresource === '';
}

const plugin: AnyPlugin = definePlugin({
  name: 'admission-priority',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives pods the priority of their class, and refuses those of unknown classes.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, priorityClasses);
    /** Undefined: there is no such class. @throws what the API throws */
    const find = async (name: string): Promise<Priority | undefined> => {
      if (name === '') return defaultPriority(informer.list());
      const system = systemPriority(name);
      if (system !== undefined) return system;
      const found = await readThrough(informer, api, ctx.env, { name });
      return found === undefined ? undefined : priorityOf(found);
    };
    ctx.tap(
      apiHooks.objectMutate,
      async (object, context) => {
        const { spec } = object as unknown as Pod;
        if (!isNewPod(context) || spec === undefined) return undefined;
        try {
          const priority = await find(spec.priorityClassName ?? '');
          if (priority !== undefined) applyPriority(spec, priority);
        } catch (error) {
          // The check that follows refuses the pod.
          if (!isApiAbsent(error)) throw error;
        }
        return undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
    ctx.tap(apiHooks.objectValidate, async (object, context) => {
      if (!isNewPod(context)) return undefined;
      const { spec } = object as unknown as Pod;
      const name = spec.priorityClassName ?? '';
      try {
        const priority = await find(name);
        const problem =
          priority === undefined ? `no PriorityClass with name ${name} was found` : priorityProblem(spec, priority);
        return problem === undefined ? undefined : [refuse(forbiddenBy(context, problem))];
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return [refuse(notReadable(`the priority class ${name}`))];
      }
    });
    return {
      async start() {
        informer.start();
        await informer.tried;
      },
      async stop() {
        await informer.stop();
      },
    };
  },
});

export default plugin;
