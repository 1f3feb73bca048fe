import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { forbiddenBy, notReadable, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { namespaces, type Namespace } from '@timonel/sdk/kube';
import { asksAnything, policyOf, violation } from './levels.ts';
import { jsonIn, type Json } from './pod.ts';

/** Where the pod specs of those who make pods stand. */
const templates: Readonly<Record<string, readonly string[]>> = {
  pods: ['spec'],
  podtemplates: ['template', 'spec'],
  cronjobs: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
  ...Object.fromEntries(
    ['replicationcontrollers', 'replicasets', 'deployments', 'statefulsets', 'daemonsets', 'jobs'].map((resource) => [
      resource,
      ['spec', 'template', 'spec'],
    ]),
  ),
};
const groups: ReadonlySet<string> = new Set(['', 'apps', 'batch']);

function specPath({ group, resource, subresource, operation }: AdmissionContext): readonly string[] | undefined {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  // Nothing that matters here can be changed of a pod, and those that were there before must be able to go.
  if (resource === 'pods' && operation === 'UPDATE' && subresource === '') return undefined;
  const isPart = subresource !== '' && !(resource === 'pods' && subresource === 'ephemeralcontainers');
  if (isPart || !groups.has(group) || !Object.hasOwn(templates, resource)) return undefined;
  return templates[resource];
}

const at = (object: unknown, path: readonly string[]): Json =>
  path.reduce<Json>((value, name) => jsonIn(value[name]), jsonIn(object));

/** The pod security standards, as the labels of namespaces ask for them. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-podsecurity',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Refuses pods that do not meet the pod security standard of their namespace, or warns about them.',
  criticality: 'required',
  // A swap would let pods pass for a moment.
  swap: 'never',
  provides: { admission: objectAdmission },
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, namespaces);
    const namespaceOf = async (name: string): Promise<Namespace | 'unreadable' | undefined> => {
      try {
        return await readThrough(informer, api, ctx.env, { name });
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return 'unreadable';
      }
    };
    return {
      provides: {
        admission: {
          concerns(context) {
            if (specPath(context) === undefined) return false;
            const namespace = informer.get(context.namespace ?? '');
            return namespace === undefined || asksAnything(namespace.metadata.labels);
          },
          mutate: (object) => Promise.resolve({ ok: true, object }),
          async validate(object, request) {
            const path = specPath(request);
            const namespace = await namespaceOf(request.namespace ?? '');
            if (path === undefined || namespace === undefined) return undefined;
            if (namespace === 'unreadable') return notReadable('the namespace').status;
            const { labels = {} } = namespace.metadata;
            const found = (policy: string | undefined): string | undefined =>
              policy === undefined ? undefined : violation(policy, at(object, path));
            const isPod = request.resource === 'pods';
            const enforced = policyOf('enforce', labels);
            if (isPod) request.annotate('pod-security.kubernetes.io/enforce-policy', enforced ?? 'privileged:latest');
            const [refused, audited] = [isPod ? found(enforced) : undefined, found(policyOf('audit', labels))];
            if (audited !== undefined)
              request.annotate('pod-security.kubernetes.io/audit-violations', `would violate ${audited}`);
            if (refused !== undefined) return forbiddenBy(request, `violates ${refused}`).status;
            const warned = found(policyOf('warn', labels));
            if (warned !== undefined) request.warn(`would violate ${warned}`);
            return undefined;
          },
        },
      },
      async start() {
        informer.start();
        await informer.tried;
      },
      stop: () => informer.stop(),
    };
  },
});

export default plugin;
