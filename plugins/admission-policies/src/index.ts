import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { notReadable, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer } from '@timonel/sdk/controller';
import {
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  type ValidatingAdmissionPolicy,
} from '@timonel/sdk/kube';
import { compilePolicy, type CompiledPolicy } from './compiled-policy.ts';
import { rulesMatch, Validator, type BoundPolicy } from './validator.ts';

/** Whoever writes from within this process, as it must before anything is read. */
const ownUser = 'system:timonel';

/** ValidatingAdmissionPolicies: expressions that refuse requests, warn about them, or note them in the audit log. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-policies',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Validates requests by the expressions of ValidatingAdmissionPolicies and what binds them.',
  criticality: 'required',
  // A swap would let requests pass for a moment.
  swap: 'never',
  provides: { admission: objectAdmission },
  requires: { api: apiClient },
  setup(ctx) {
    const { env, deps } = ctx;
    const policies = new Informer(ctx, deps.api, validatingAdmissionPolicies);
    const bindings = new Informer(ctx, deps.api, validatingAdmissionPolicyBindings);
    const informers = [policies, bindings];
    const compiled = new WeakMap<ValidatingAdmissionPolicy, CompiledPolicy>();
    let bound: readonly BoundPolicy[] | undefined;
    const forget = (): void => void (bound = undefined);
    for (const informer of informers) informer.addHandler({ added: forget, updated: forget, deleted: forget });
    const compiledOf = (policy: ValidatingAdmissionPolicy): CompiledPolicy => {
      const known = compiled.get(policy) ?? compilePolicy(policy);
      compiled.set(policy, known);
      return known;
    };
    /** Those that nothing binds do nothing. */
    const boundPolicies = (): readonly BoundPolicy[] =>
      (bound ??= policies.list().flatMap((policy) => {
        const its = bindings.list().filter(({ spec }) => spec.policyName === policy.metadata.name);
        return its.length === 0 ? [] : [{ compiled: compiledOf(policy), bindings: its }];
      }));
    const concerned = (context: AdmissionContext): readonly BoundPolicy[] =>
      boundPolicies().filter(({ compiled: { policy } }) => rulesMatch(policy.spec.matchConstraints, context));
    const isUnread = ({ user }: AdmissionContext): boolean =>
      informers.some((informer) => !informer.hasSynced) && user.username !== ownUser;
    const validator = new Validator(deps.api, () => env.random.uuid());
    return {
      provides: {
        admission: {
          concerns: (context) => isUnread(context) || concerned(context).length > 0,
          mutate: (object) => Promise.resolve({ ok: true, object }),
          async validate(object, request) {
            if (isUnread(request)) return notReadable('the admission policies').status;
            return validator.validate(concerned(request), object, request);
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
