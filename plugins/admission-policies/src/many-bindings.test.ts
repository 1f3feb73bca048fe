import { expect, it } from '@jest/globals';
import type { AdmissionRequest, AdmissionView } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import type { InformerHandler } from '@timonel/sdk/controller';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '@timonel/sdk/kube';
import { BoundPolicies, type Cached } from './bound-policies.ts';
import { compileValidating } from './validating-policy.ts';
import { validateBy } from './validator.ts';

const context = { operation: 'CREATE', group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', name: 'a' };
const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } as AdmissionObject;

class FakeCache<T> implements Cached<T> {
  readonly objects: T[] = [];
  #handler: InformerHandler<T> | undefined;
  list(): T[] {
    return this.objects;
  }
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handler = handler;
    return () => undefined;
  }
  add(object: T): void {
    this.objects.push(object);
    this.#handler?.added?.(object);
  }
}

/** A policy with many bindings, as a request finds them. */
function bound(
  expression: string,
  count: number,
  failurePolicy: 'Fail' | 'Ignore' = 'Fail',
): BoundPolicies<ValidatingAdmissionPolicy, ReturnType<typeof compileValidating>> {
  const policies = new FakeCache<ValidatingAdmissionPolicy>();
  const bindings = new FakeCache<ValidatingAdmissionPolicyBinding>();
  const all = new BoundPolicies(policies, bindings, compileValidating);
  const validations = [{ expression }];
  policies.add({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'many' },
    spec: { failurePolicy, matchConstraints: { resourceRules: [rule] }, validations },
  });
  for (let index = 0; index < count; index += 1) {
    bindings.add({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: `binding-${index}` },
      spec: { policyName: 'many', validationActions: ['Deny'] },
    });
  }
  return all;
}

function requestWith(warnings: string[]): AdmissionRequest {
  const user = { username: 'jane', uid: '', groups: [], extra: {} };
  const same = (shown: AdmissionObject): Promise<AdmissionObject> => Promise.resolve(shown);
  const request = {
    ...context,
    subresource: '',
    namespace: undefined,
    user,
    dryRun: false,
  } as unknown as AdmissionRequest;
  const view: AdmissionView = { request, show: same, restore: same };
  return {
    ...request,
    as: () => Promise.resolve(view),
    warn: (text) => void warnings.push(text),
    annotate: () => undefined,
  };
}

/** Counts the pauses in which others have their turn. */
function partsWith(pauses: { count: number }): Parameters<typeof validateBy>[3] {
  const api = { get: () => Promise.reject(new Error('unused')), list: () => Promise.reject(new Error('unused')) };
  const due = (): Promise<void> => {
    pauses.count += 1;
    return Promise.resolve();
  };
  return { api, uid: () => 'uid', pauses: () => ({ due }) };
}

it('asks by each of 10,000 bindings, and lets others have their turn between them', async () => {
  const pauses = { count: 0 };
  const request = requestWith([]);
  const meant = bound('object.metadata.name != "b"', 10_000).meaning(request);
  expect(meant.map(({ bindings }) => bindings.length)).toEqual([10_000]);
  expect(await validateBy(meant, object, request, partsWith(pauses))).toBeUndefined();
  expect(pauses.count).toBe(10_000);
});

const list = `[${Array.from({ length: 100 }, (_, index) => index).join(',')}]`;
const dear = `${list}.all(a, ${list}.all(b, a + b >= 0))`;
const stopped = 'resulted in error: operation cancelled: actual cost limit exceeded';

it('gives all bindings together one budget', async () => {
  const request = requestWith([]);
  const meant = bound(`${dear} && ${dear}`, 10_000).meaning(request);
  const refusal = await validateBy(meant, object, request, partsWith({ count: 0 }));
  expect(refusal?.message).toContain(stopped);
  expect(await validateBy(bound(dear, 10).meaning(request), object, request, partsWith({ count: 0 }))).toBeUndefined();
});

it('lets nothing pass where a request has spent it, also by policies that may be left out', async () => {
  const judged = async (expression: string, count: number): Promise<string | undefined> => {
    const request = requestWith([]);
    const meant = bound(expression, count, 'Ignore').meaning(request);
    return (await validateBy(meant, object, request, partsWith({ count: 0 })))?.message;
  };
  expect(await judged(`${dear} && ${dear}`, 10_000)).toContain(stopped);
  expect(await judged(`${list}.all(a, ${list}.all(b, ${dear}))`, 1)).toBeUndefined();
});

it('goes by the failure policy where objects cannot be converted', async () => {
  const judged = async (failurePolicy: 'Fail' | 'Ignore'): Promise<string | undefined> => {
    const request = { ...requestWith([]), as: () => Promise.reject(new Error('the webhook is away')) };
    const meant = bound('true', 1, failurePolicy).meaning(request);
    return (await validateBy(meant, object, request, partsWith({ count: 0 })))?.message;
  };
  expect(await judged('Fail')).toContain("with binding 'binding-0' denied request: the webhook is away");
  expect(await judged('Ignore')).toBeUndefined();
});
