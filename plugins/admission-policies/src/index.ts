import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { Pauses } from '@timonel/sdk/admission';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { notReadable, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer } from '@timonel/sdk/controller';
import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  type Status,
} from '@timonel/sdk/kube';
import { BoundPolicies } from './bound-policies.ts';
import type { PolicyParts } from './invocations.ts';
import { compileMutating } from './mutating-policy.ts';
import { mutateBy } from './mutator.ts';
import { parameterRefusal, writesPolicy } from './parameter-access.ts';
import { compileValidating } from './validating-policy.ts';
import { validateBy } from './validator.ts';

/** Whoever writes from within this process, as it must before anything is read. */
const ownUser = 'system:timonel';

/** Policies of admission: expressions that change objects, refuse requests, warn about them, or note them in the audit log. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-policies',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Changes and validates objects by the expressions of MutatingAdmissionPolicies and ValidatingAdmissionPolicies.',
  criticality: 'required',
  // A swap would let requests pass for a moment.
  swap: 'never',
  provides: { admission: objectAdmission },
  requires: { api: apiClient },
  setup(ctx) {
    const { env, deps } = ctx;
    const parts: PolicyParts = {
      api: deps.api,
      uid: () => env.random.uuid(),
      pauses: () => new Pauses(env),
    };
    const informersOf = {
      validating: new Informer(ctx, deps.api, validatingAdmissionPolicies),
      validatingBindings: new Informer(ctx, deps.api, validatingAdmissionPolicyBindings),
      mutating: new Informer(ctx, deps.api, mutatingAdmissionPolicies),
      mutatingBindings: new Informer(ctx, deps.api, mutatingAdmissionPolicyBindings),
    };
    const informers = Object.values(informersOf);
    const validating = new BoundPolicies(informersOf.validating, informersOf.validatingBindings, compileValidating);
    const mutating = new BoundPolicies(informersOf.mutating, informersOf.mutatingBindings, compileMutating);
    const isUnread = ({ user }: AdmissionContext): boolean =>
      informers.some((informer) => !informer.hasSynced) && user.username !== ownUser;
    /** What is deleted is not mutated. */
    const mutatingFor = (context: AdmissionContext): ReturnType<typeof mutating.meaning> =>
      context.operation === 'DELETE' ? [] : mutating.meaning(context);
    const unread: Status = notReadable('the admission policies').status;
    return {
      provides: {
        admission: {
          // Before webhooks.
          order: 10,
          concerns: (context) =>
            isUnread(context) ||
            writesPolicy(context) ||
            mutatingFor(context).length > 0 ||
            validating.meaning(context).length > 0,
          async mutate(object, request) {
            if (isUnread(request)) return { ok: false, refusal: unread };
            return mutateBy(mutatingFor(request), object, request, parts);
          },
          async validate(object, request) {
            if (isUnread(request)) return unread;
            const refusal = writesPolicy(request) ? await parameterRefusal(object, request, deps.api) : undefined;
            return refusal ?? validateBy(validating.meaning(request), object, request, parts);
          },
        },
      },
      async start() {
        for (const informer of informers) informer.start();
        await Promise.all(informers.map((informer) => informer.tried));
      },
      async stop() {
        await Promise.all(informers.map((informer) => informer.stop()));
      },
    };
  },
});

export default plugin;
