import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  apiHooks,
  forbiddenBy,
  isPodCreation,
  notReadable,
  refuse,
  type AdmissionContext,
} from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { runtimeClasses, type Pod, type PodSpec, type RuntimeClass } from '@timonel/sdk/kube';
import { applyClass, podProblem } from './runtime-class.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'admission-runtimeclass',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Refuses pods of unknown runtime classes; sets overhead, node selector and tolerations of their class.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, runtimeClasses);
    const classOf = (name: string): Promise<RuntimeClass | undefined> => readThrough(informer, api, ctx.env, { name });
    const setLater = async (spec: PodSpec, name: string): Promise<undefined> => {
      try {
        const runtimeClass = await classOf(name);
        if (runtimeClass !== undefined) applyClass(spec, runtimeClass);
      } catch (error) {
        // The check that follows refuses the pod.
        if (!isApiAbsent(error)) throw error;
      }
    };
    const refusals = (pod: Pod, runtimeClass: RuntimeClass | undefined, context: AdmissionContext) => {
      const problem = podProblem(pod, runtimeClass);
      return problem === undefined ? undefined : [refuse(forbiddenBy(context, problem))];
    };
    const checkLater = async (pod: Pod, name: string, context: AdmissionContext) => {
      try {
        return refusals(pod, await classOf(name), context);
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return [refuse(notReadable(`the runtime class ${name}`))];
      }
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        const { spec } = object as unknown as Partial<Pod>;
        return isPodCreation(context) && spec?.runtimeClassName ? setLater(spec, spec.runtimeClassName) : undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      if (!isPodCreation(context)) return undefined;
      const pod = object as unknown as Pod;
      const name = pod.spec.runtimeClassName ?? '';
      return name === '' ? refusals(pod, undefined, context) : checkLater(pod, name, context);
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
