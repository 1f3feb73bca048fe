/** Policies that mutate, with what binds them, on one request. */
import { errorMessage } from '@timonel/sdk';
import {
  evaluateConditions,
  ExpressionBudget,
  misplacedPart,
  mutateInRounds,
  type MutationTurn,
  type TurnOutcome,
} from '@timonel/sdk/admission';
import { celToJson, requestCostBudget, type CelOutcome } from '@timonel/sdk/cel';
import type { AdmissionRequest, AdmissionView, MutationOutcome } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { isNotFound } from '@timonel/sdk/kube';
import type { MeantPolicy } from './bound-policies.ts';
import { Evaluation } from './evaluation.ts';
import { Surroundings, type Invocation, type PolicyParts, type Unmatched } from './invocations.ts';
import type { CompiledMutation, MutatingPolicy } from './mutating-policy.ts';
import { failsOpen, notConfigured, policyWith, type PolicyBinding } from './policy.ts';
import { refusalBy } from './refusal.ts';

/** Each sees what those before it did, and by its `again` what others did after it. */
export function mutateBy(
  policies: readonly MeantPolicy<MutatingPolicy>[],
  object: AdmissionObject,
  request: AdmissionRequest,
  parts: PolicyParts,
): Promise<MutationOutcome> {
  return mutateInRounds(new Mutation(object, request, parts).turns(policies), object);
}

class Mutation {
  readonly #object: AdmissionObject;
  readonly #request: AdmissionRequest;
  readonly #surroundings: Surroundings;

  constructor(object: AdmissionObject, request: AdmissionRequest, parts: PolicyParts) {
    this.#object = object;
    this.#request = request;
    this.#surroundings = new Surroundings(parts, request);
  }

  async *turns(policies: readonly MeantPolicy<MutatingPolicy>[]): AsyncGenerator<MutationTurn> {
    for await (const invocation of this.#surroundings.invocations(policies, this.#object)) {
      const { again } = invocation.compiled;
      if ('unread' in invocation) yield { again, take: () => Promise.resolve(this.#unmatched(invocation)) };
      else yield { again, take: (object) => this.#take(invocation, object) };
    }
  }

  #unmatched({ compiled, binding, unread }: Unmatched<MutatingPolicy>): TurnOutcome {
    if (isNotFound(unread)) return { kind: 'refused', refusal: unread.status };
    if (failsOpen(compiled, this.#surroundings.budget)) return { kind: 'passed' };
    return this.#refused(compiled, binding, notConfigured(binding, unread.message));
  }

  #refused({ policy }: MutatingPolicy, binding: PolicyBinding | undefined, why: string): TurnOutcome {
    const message = `policy ${policyWith(policy, binding)} denied request: ${why}`;
    return { kind: 'refused', refusal: refusalBy(this.#request, message, 'Invalid') };
  }

  /** One that fails changes nothing. */
  async #take(invocation: Invocation<MutatingPolicy>, object: AdmissionObject): Promise<TurnOutcome> {
    const { compiled, binding } = invocation;
    try {
      return { kind: 'allowed', object: await this.#changed(invocation, object) };
    } catch (error) {
      if (failsOpen(compiled, this.#surroundings.budget)) return { kind: 'allowed', object };
      return this.#refused(compiled, binding, errorMessage(error));
    }
  }

  /** @throws Error why it cannot be mutated */
  async #changed(invocation: Invocation<MutatingPolicy>, object: AdmissionObject): Promise<AdmissionObject> {
    const { compiled, name, params } = invocation;
    if ('problem' in params) throw new Error(notConfigured(invocation.binding, params.problem));
    const { authorizer, budget: ofRequest } = this.#surroundings;
    const view = await this.#request.as(name);
    const shown = await view.show(object);
    const valuesOf = async (subject: AdmissionObject): Promise<Readonly<Record<string, unknown>>> => ({
      ...(await this.#surroundings.valuesOf(subject, view)),
      params: params.object,
    });
    const outcome = await evaluateConditions(compiled.conditions, await valuesOf(shown), authorizer, ofRequest);
    if (outcome === 'fail') return object;
    if (outcome !== 'hold') throw new Error(outcome.problem);
    const budget = new ExpressionBudget(requestCostBudget, ofRequest);
    let subject = shown;
    for (const mutation of compiled.mutations) {
      const evaluation = new Evaluation(compiled, await valuesOf(subject), authorizer, budget);
      subject = applied(mutation, await evaluation.evaluate(mutation.expression), subject, view);
    }
    return subject === shown ? object : view.restore(subject);
  }
}

/** @throws Error */
function applied(
  { use, expression }: CompiledMutation,
  outcome: CelOutcome,
  subject: AdmissionObject,
  { request }: AdmissionView,
): AdmissionObject {
  const text = typeof expression === 'string' ? expression : expression.expression;
  if (!outcome.ok) throw new Error(`expression '${text}' resulted in error: ${outcome.message}`);
  const made = celToJson(outcome.value);
  if (!made.ok) throw new Error(`expression '${text}' resulted in error: ${made.message}`);
  if (use === 'json-patch') return request.patched(subject, made.json);
  const misplaced = misplacedPart(outcome.value);
  if (misplaced !== undefined) throw new Error(`type mismatch: ${misplaced}`);
  return request.merged(subject, made.json as object);
}
