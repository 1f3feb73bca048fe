import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  apiHooks,
  forbiddenBy,
  isPodCreation,
  notReadable,
  refuse,
  type AdmissionContext,
  type AdmissionRefusal,
} from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { priorityClasses, type Pod, type PodSpec } from '@timonel/sdk/kube';
import {
  applyPriority,
  defaultPriority,
  priorityOf,
  priorityProblem,
  systemPriority,
  type Priority,
} from './priority.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'admission-priority',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives pods the priority of their class, and refuses those of unknown classes.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, priorityClasses);
    /** Without asking anybody; undefined: the API has to be asked. */
    const known = (name: string): Priority | undefined => {
      if (name === '') return defaultPriority(informer.list());
      const cached = informer.get(name);
      return systemPriority(name) ?? (cached === undefined ? undefined : priorityOf(cached));
    };
    /** Undefined: there is no such class. @throws what the API throws */
    const find = async (name: string): Promise<Priority | undefined> => {
      const found = await readThrough(informer, api, ctx.env, { name });
      return found === undefined ? undefined : priorityOf(found);
    };
    const setLater = async (spec: PodSpec): Promise<undefined> => {
      try {
        const priority = await find(spec.priorityClassName ?? '');
        if (priority !== undefined) applyPriority(spec, priority);
      } catch (error) {
        // The check that follows refuses the pod.
        if (!isApiAbsent(error)) throw error;
      }
    };
    const refusalsOf = (problem: string | undefined, context: AdmissionContext): AdmissionRefusal[] | undefined =>
      problem === undefined ? undefined : [refuse(forbiddenBy(context, problem))];
    const checkLater = async (spec: PodSpec, context: AdmissionContext): Promise<AdmissionRefusal[] | undefined> => {
      const name = spec.priorityClassName ?? '';
      try {
        const priority = await find(name);
        if (priority !== undefined) return refusalsOf(priorityProblem(spec, priority), context);
        return refusalsOf(`no PriorityClass with name ${name} was found`, context);
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return [refuse(notReadable(`the priority class ${name}`))];
      }
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        const { spec } = object as unknown as Partial<Pod>;
        if (!isPodCreation(context) || spec === undefined) return undefined;
        const priority = known(spec.priorityClassName ?? '');
        if (priority === undefined) return setLater(spec);
        applyPriority(spec, priority);
        return undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      if (!isPodCreation(context)) return undefined;
      const { spec } = object as unknown as Pod;
      const priority = known(spec.priorityClassName ?? '');
      return priority === undefined ? checkLater(spec, context) : refusalsOf(priorityProblem(spec, priority), context);
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
