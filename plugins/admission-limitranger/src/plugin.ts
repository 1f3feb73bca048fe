import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, forbiddenBy, notReadable, refuse, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { byNamespace, inReadLimit, Informer, isApiAbsent } from '@timonel/sdk/controller';
import { limitRanges, type LimitRange, type PersistentVolumeClaim, type Pod } from '@timonel/sdk/kube';
import { applyDefaults, defaultsOf } from './defaults.ts';
import { claimProblems, podProblems } from './limits.ts';

/** Resources of pods are changed by pods/resize alone. */
function concernsPod({ group, resource, operation, subresource }: AdmissionContext): boolean {
  if (group !== '' || resource !== 'pods') return false;
  return (operation === 'CREATE' && subresource === '') || (operation === 'UPDATE' && subresource === 'resize');
}

function concernsClaim({ group, resource, operation, subresource }: AdmissionContext): boolean {
  const isWrite = operation === 'CREATE' || operation === 'UPDATE';
  return group === '' && resource === 'persistentvolumeclaims' && subresource === '' && isWrite;
}

const byName = (a: LimitRange, b: LimitRange): number => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

const plugin: AnyPlugin = definePlugin({
  name: 'admission-limitranger',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Gives containers the requests and limits of limit ranges, and refuses pods and claims beyond their bounds.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, limitRanges, { indexes: { namespace: byNamespace } });
    /** Most namespaces have none: a look into the cache is all that they cost. */
    const cached = (namespace: string): readonly LimitRange[] | undefined => {
      if (!informer.hasSynced) return undefined;
      const found = informer.byIndex('namespace', namespace);
      return found.length > 1 ? found.toSorted(byName) : found;
    };
    const read = async (namespace: string): Promise<readonly LimitRange[]> =>
      (await inReadLimit(ctx.env, api.list(limitRanges, { namespace }))).items.toSorted(byName);
    const setDefaults = (pod: Pod, ranges: readonly LimitRange[]): void => {
      if (ranges.length > 0) applyDefaults(pod, defaultsOf(ranges));
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        if (context.operation !== 'CREATE' || !concernsPod(context)) return undefined;
        const { namespace = '' } = context;
        const pod = object as unknown as Pod;
        const known = cached(namespace);
        if (known !== undefined) {
          setDefaults(pod, known);
          return undefined;
        }
        return read(namespace).then(
          (ranges) => {
            setDefaults(pod, ranges);
            return undefined;
          },
          (error: unknown) => {
            // The check that follows refuses the pod.
            if (!isApiAbsent(error)) throw error;
            return undefined;
          },
        );
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
    const problemsOf = (object: unknown, context: AdmissionContext, ranges: readonly LimitRange[]) => {
      if (ranges.length === 0) return undefined;
      const problems = concernsPod(context)
        ? podProblems(object as Pod, ranges)
        : claimProblems(object as PersistentVolumeClaim, ranges);
      if (problems.length === 0) return undefined;
      const why = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
      return [refuse(forbiddenBy(context, why))];
    };
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      if (!concernsPod(context) && !concernsClaim(context)) return undefined;
      const { namespace = '' } = context;
      const known = cached(namespace);
      if (known !== undefined) return problemsOf(object, context, known);
      return read(namespace).then(
        (ranges) => problemsOf(object, context, ranges),
        (error: unknown) => {
          if (!isApiAbsent(error)) throw error;
          return [refuse(notReadable(`the limit ranges of ${namespace}`))];
        },
      );
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
