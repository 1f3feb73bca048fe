/** Questions to the authorizer: `authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()`. */
import { boolType, opaqueType, stringType, type CelNamedType } from '../types/type.ts';
import type { CelAuthorizer, CelAuthorizerDecision, CelAuthorizerQuestion } from '../values/authorizer.ts';
import { CelError, CelOpaque, type CelMeter, type CelValue } from '../values/value.ts';
import { overload, type Overload } from './overload.ts';

/** Of the variable `authorizer`. */
export const authorizerType: CelNamedType = opaqueType('kubernetes.authorization.Authorizer');
const pathType = opaqueType('kubernetes.authorization.PathCheck');
const groupType = opaqueType('kubernetes.authorization.GroupCheck');
/** Of the variable `authorizer.requestResource` too. */
export const resourceCheckType: CelNamedType = opaqueType('kubernetes.authorization.ResourceCheck');
const decisionType = opaqueType('kubernetes.authorization.Decision');

type Asked = Omit<CelAuthorizerQuestion, 'verb'>;

/** A question that is not complete yet. */
class CelQuestion extends CelOpaque {
  readonly typeName: string;
  readonly host: CelAuthorizer;
  readonly asked: Asked;
  constructor(type: CelNamedType, host: CelAuthorizer, asked: Asked) {
    super();
    this.typeName = type.name;
    this.host = host;
    this.asked = asked;
  }
  override equals(other: CelOpaque): boolean {
    return other === this;
  }
  override text(): string {
    return this.typeName;
  }
  with(type: CelNamedType, more: Asked): CelQuestion {
    return new CelQuestion(type, this.host, { ...this.asked, ...more });
  }
}

class CelDecision extends CelOpaque {
  readonly typeName = decisionType.name;
  readonly decision: CelAuthorizerDecision;
  constructor(decision: CelAuthorizerDecision) {
    super();
    this.decision = decision;
  }
  override equals(other: CelOpaque): boolean {
    return other === this;
  }
  override text(): string {
    return this.typeName;
  }
}

/** The value of the variable `authorizer`. */
export function celAuthorizer(host: CelAuthorizer): CelValue {
  return new CelQuestion(authorizerType, host, {});
}

/** The value of the variable `authorizer.requestResource`: asks about the resource of the request. */
export function celResourceCheck(
  host: CelAuthorizer,
  resource: Omit<CelAuthorizerQuestion, 'verb' | 'path'>,
): CelValue {
  return new CelQuestion(resourceCheckType, host, resource);
}

/** Asking is dear: an expression can ask twice, an admission request ten times as often. */
const checkCost = 350_000;

function check(question: CelQuestion, verb: string, meter: CelMeter): CelValue {
  const full: CelAuthorizerQuestion = { ...question.asked, verb };
  const decision = meter.answer(JSON.stringify(full), () => question.host.decide(full));
  return new CelDecision(decision as CelAuthorizerDecision);
}

function serviceAccount(question: CelQuestion, namespace: string, name: string): CelValue {
  if (namespace === '' || name === '') return new CelError('service account needs a namespace and a name');
  return question.with(authorizerType, { serviceAccount: { namespace, name } });
}

function path(question: CelQuestion, value: string): CelValue {
  return value === '' ? new CelError('path must not be empty') : question.with(pathType, { path: value });
}

const refine = (name: keyof Asked): Overload =>
  overload(name, {
    on: resourceCheckType,
    takes: [stringType],
    gives: resourceCheckType,
    run: (question: CelQuestion, value: string) => question.with(resourceCheckType, { [name]: value }),
  });

const of = (
  name: string,
  gives: typeof boolType | typeof stringType,
  read: (decision: CelAuthorizerDecision) => CelValue,
): Overload => overload(name, { on: decisionType, gives, run: ({ decision }: CelDecision) => read(decision) });

export const authorizerTypes: readonly string[] = [
  authorizerType,
  pathType,
  groupType,
  resourceCheckType,
  decisionType,
].map(({ name }) => name);

export const authorizers: readonly Overload[] = [
  overload('path', { on: authorizerType, takes: [stringType], gives: pathType, run: path }),
  overload('group', {
    on: authorizerType,
    takes: [stringType],
    gives: groupType,
    run: (question: CelQuestion, group: string) => question.with(groupType, { group }),
  }),
  overload('serviceAccount', {
    on: authorizerType,
    takes: [stringType, stringType],
    gives: authorizerType,
    run: serviceAccount,
  }),
  overload('resource', {
    on: groupType,
    takes: [stringType],
    gives: resourceCheckType,
    run: (question: CelQuestion, resource: string) => question.with(resourceCheckType, { resource }),
  }),
  ...(['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const).map(refine),
  ...[pathType, resourceCheckType].map((on) =>
    overload('check', { on, takes: [stringType], gives: decisionType, cost: () => checkCost, run: check }),
  ),
  of('allowed', boolType, ({ allowed }) => allowed),
  of('reason', stringType, ({ reason = '' }) => reason),
  of('errored', boolType, ({ error }) => error !== undefined),
  of('error', stringType, ({ error = '' }) => error),
];
