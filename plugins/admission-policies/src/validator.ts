/** Policies that validate, with what binds them, on one request. */
import { errorMessage } from '@timonel/sdk';
import { evaluateConditions, ExpressionBudget } from '@timonel/sdk/admission';
import { requestCostBudget } from '@timonel/sdk/cel';
import type { AdmissionRequest, AdmissionView } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import { isNotFound, type Status } from '@timonel/sdk/kube';
import { AuditAnnotations } from './audit-annotations.ts';
import type { MeantPolicy } from './bound-policies.ts';
import { Evaluation } from './evaluation.ts';
import { Surroundings, type Invocation, type PolicyParts, type Unmatched } from './invocations.ts';
import { judge, type Finding } from './judge.ts';
import { failsOpen, notConfigured, policyWith, type PolicyBinding } from './policy.ts';
import { refusalBy } from './refusal.ts';
import type { ValidatingPolicy } from './validating-policy.ts';

/** Findings of one request in its audit event. */
const mostAudited = 100;

export function validateBy(
  policies: readonly MeantPolicy<ValidatingPolicy>[],
  object: AdmissionObject,
  request: AdmissionRequest,
  parts: PolicyParts,
): Promise<Status | undefined> {
  return new Validation(object, request, parts).run(policies);
}

class Validation {
  readonly #object: AdmissionObject;
  readonly #request: AdmissionRequest;
  readonly #surroundings: Surroundings;
  readonly #values = new Map<AdmissionView, Promise<Readonly<Record<string, unknown>>>>();
  readonly #annotations = new AuditAnnotations();
  readonly #audited: unknown[] = [];
  #refusal: Status | undefined;

  constructor(object: AdmissionObject, request: AdmissionRequest, parts: PolicyParts) {
    this.#object = object;
    this.#request = request;
    this.#surroundings = new Surroundings(parts, request);
  }

  /** What others have to say is said, too, where one refuses. */
  async run(policies: readonly MeantPolicy<ValidatingPolicy>[]): Promise<Status | undefined> {
    for await (const invocation of this.#surroundings.invocations(policies, this.#object)) {
      if ('unread' in invocation) this.#unmatched(invocation);
      else await this.#invoke(invocation);
    }
    this.#annotations.tell((key, value) => this.#request.annotate(key, value));
    if (this.#audited.length > 0)
      this.#request.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(this.#audited));
    return this.#refusal;
  }

  /** As its rules name the request. */
  async #valuesOf(name: ServedName): Promise<Readonly<Record<string, unknown>>> {
    const view = await this.#request.as(name);
    const known = this.#values.get(view) ?? this.#read(view);
    this.#values.set(view, known);
    return known;
  }

  async #read(view: AdmissionView): Promise<Readonly<Record<string, unknown>>> {
    return this.#surroundings.valuesOf(await view.show(this.#object), view);
  }

  #unmatched({ compiled, binding, unread }: Unmatched<ValidatingPolicy>): void {
    if (isNotFound(unread)) this.#refusal ??= unread.status;
    else if (!failsOpen(compiled, this.#surroundings.budget))
      this.#refuse(compiled, binding, notConfigured(binding, unread.message), 'Invalid');
  }

  async #invoke({ compiled, binding, name, params }: Invocation<ValidatingPolicy>): Promise<void> {
    const tell = (finding: Finding): void => this.#tell(finding, compiled, binding);
    const { authorizer, budget } = this.#surroundings;
    const passes = (): boolean => failsOpen(compiled, budget);
    const failed = (message: string): void => {
      if (!passes()) tell({ message, reason: 'Invalid', index: 0 });
    };
    if ('problem' in params) {
      failed(notConfigured(binding, params.problem));
      return;
    }
    let known: Readonly<Record<string, unknown>>;
    try {
      known = await this.#valuesOf(name);
    } catch (error) {
      failed(errorMessage(error));
      return;
    }
    const values = { ...known, params: params.object };
    const outcome = await evaluateConditions(compiled.conditions, values, authorizer, budget);
    if (outcome === 'fail') return;
    if (outcome !== 'hold') {
      failed(outcome.problem);
      return;
    }
    const ofPolicy = new ExpressionBudget(requestCostBudget, budget);
    const evaluation = new Evaluation(compiled, values, authorizer, ofPolicy);
    const { findings, annotations } = await judge(compiled, evaluation, passes);
    this.#annotations.add(annotations);
    findings.forEach(tell);
  }

  /** Refuses, where the binding wants that. */
  #tell({ message, reason, index }: Finding, compiled: ValidatingPolicy, binding: PolicyBinding): void {
    const { validationActions = [] } = binding.spec;
    const names = { policy: compiled.policy.metadata.name ?? '', binding: binding.metadata.name ?? '' };
    const by = `ValidatingAdmissionPolicy ${policyWith(compiled.policy, binding)}`;
    if (validationActions.includes('Warn')) this.#request.warn(`Validation failed for ${by}: ${message}`);
    if (validationActions.includes('Audit') && this.#audited.length < mostAudited)
      this.#audited.push({ message, ...names, expressionIndex: index, validationActions });
    if (validationActions.includes('Deny')) this.#refuse(compiled, binding, message, reason);
  }

  #refuse({ policy }: ValidatingPolicy, binding: PolicyBinding | undefined, message: string, reason: string): void {
    const by = `ValidatingAdmissionPolicy ${policyWith(policy, binding)}`;
    this.#refusal ??= refusalBy(this.#request, `${by} denied request: ${message}`, reason);
  }
}
