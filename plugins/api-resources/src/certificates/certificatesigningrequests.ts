import type { Clock } from '@timonel/sdk';
import type { PartSubresource, ResourceDefinition, WriteContext } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { child, fill, items, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, none, shown, textAt, valueAt } from '../table/columns.ts';
import { humanDuration } from '../table/time.ts';
import { fieldOf, isObject, itemsOf, textOf } from '../validation/loose.ts';
import { Part } from '../validation/part.ts';
import { pathSegmentProblems } from '../validation/path-segment.ts';
import { prefixedPathProblems } from '../validation/prefixed-path.ts';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const shortestSeconds = 600;
const pemRequest =
  /^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n[A-Za-z0-9+/=\r\n]+-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/;
const pemCertificate = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/;
const decisions = new Set(['Approved', 'Denied']);

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1').trim();

function check(request: Part): void {
  const spec = request.at('spec');
  if (spec.has('request')) {
    if (!pemRequest.test(decoded(spec.text('request'))))
      spec.found.invalid(spec.pathOf('request'), '<value omitted>', 'PEM block type must be CERTIFICATE REQUEST');
  } else spec.missing('request');
  spec.named('signerName', prefixedPathProblems, 'required');
  spec.requireItems('usages');
  spec.eachOneOf('usages', usages);
  spec.distinct('usages');
  const seconds = spec.number('expirationSeconds');
  if (seconds !== undefined && seconds < shortestSeconds)
    spec.invalid('expirationSeconds', 'may not specify a duration less than 600 seconds (10 minutes)');
}

/** Who asks is what the server says, not the client. */
function prepare(request: Json, context: WriteContext | undefined): void {
  const spec = child(request, 'spec');
  if (spec === undefined || context === undefined) return;
  const { username, uid, groups, extra } = context.user;
  for (const field of ['username', 'uid', 'groups', 'extra']) delete spec[field];
  fill(spec, {
    username,
    groups: [...groups],
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, list]) => [key, [...list]])) }),
  });
}

const conditionsOf = (request: unknown): Json[] =>
  itemsOf(fieldOf(fieldOf(request, 'status'), 'conditions') as unknown[]).filter(isObject);
const isDecision = (condition: Json): boolean => decisions.has(textOf(condition['type']));

/** Times of conditions are the server's. */
function stampConditions(request: Json, old: Json, clock: Clock): void {
  const before = new Map(conditionsOf(old).map((condition) => [condition['type'], condition]));
  const now = clock.timestamp();
  for (const condition of items(child(request, 'status'), 'conditions')) {
    fill(condition, { status: 'True', lastUpdateTime: now });
    const known = before.get(condition['type']);
    const changed = known?.['status'] !== condition['status'];
    if (changed) fill(condition, { lastTransitionTime: now });
    else if (known !== undefined) fill(condition, { lastTransitionTime: known['lastTransitionTime'] ?? now });
  }
}

function checkConditions(request: Part, old: Part): void {
  const status = request.at('status');
  status.distinct('conditions', 'type');
  for (const condition of status.list('conditions')) {
    condition.require('type');
    condition.oneOf('status', ['False', 'True', 'Unknown']);
    if (['Approved', 'Denied', 'Failed'].includes(condition.text('type')) && condition.text('status') !== 'True')
      condition.found.notSupported(condition.pathOf('status'), condition.text('status'), ['True']);
  }
  const types = conditionsOf(request.raw).map((condition) => textOf(condition['type']));
  if (types.includes('Approved') && types.includes('Denied'))
    status.invalid('conditions', 'Approved and Denied conditions are mutually exclusive');
  for (const condition of conditionsOf(old.raw))
    if (isDecision(condition) && !types.includes(textOf(condition['type'])))
      status.found.forbidden(
        status.pathOf('conditions'),
        `updates may not remove a condition of type "${textOf(condition['type'])}"`,
      );
}

function approval(clock: Clock): PartSubresource {
  return {
    take(object, wanted) {
      const [request, given] = [object, wanted] as unknown as [Json, Json];
      const others = conditionsOf(request).filter((condition) => !isDecision(condition));
      const decided = conditionsOf(given)
        .filter(isDecision)
        .map((condition) => ({ ...condition }));
      const old = structuredClone(request);
      const status = made(request, 'status');
      if (status === undefined) return;
      status['conditions'] = [...others, ...decided];
      stampConditions(request, old, clock);
    },
    validate(object, old) {
      const part = new Part(object);
      checkConditions(part, new Part(old));
      return part.found.all();
    },
  };
}

/** By /status everything but the decision may change. */
function status(clock: Clock): PartSubresource {
  return {
    take(object, wanted) {
      const [request, given] = [object, wanted] as unknown as [Json, Json];
      const old = structuredClone(request);
      const decided = conditionsOf(old).filter(isDecision);
      const others = conditionsOf(given).filter((condition) => !isDecision(condition));
      const { conditions: _conditions, ...status } = child(given, 'status') ?? {};
      const conditions = [...decided, ...others].map((condition) => ({ ...condition }));
      request['status'] = conditions.length === 0 ? status : { ...status, conditions };
      stampConditions(request, old, clock);
    },
    validate(object, old) {
      const part = new Part(object);
      checkConditions(part, new Part(old));
      const issued = part.at('status');
      if (issued.has('certificate') && !pemCertificate.test(decoded(issued.text('certificate'))))
        issued.found.invalid(
          issued.pathOf('certificate'),
          '<certificate data>',
          'must contain one or more PEM blocks of type CERTIFICATE',
        );
      const before = new Part(old).at('status');
      if (before.has('certificate')) issued.unchanged(before, 'certificate');
      return part.found.all();
    },
  };
}

function conditionCell(request: KubeObject): string {
  const has = (type: string): boolean =>
    listAt(request, 'status.conditions').some((condition) => fieldOf(condition, 'type') === type);
  const parts = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) parts.push('Failed');
  if (textAt(request, 'status.certificate') !== '') parts.push('Issued');
  return parts.join(',');
}

function durationCell(request: KubeObject): string {
  const seconds = valueAt(request, 'spec.expirationSeconds');
  return typeof seconds === 'number' ? humanDuration(seconds * 1000) : none;
}

export function certificateSigningRequestKind(clock: Clock): ResourceDefinition {
  return describedKind({
    group: 'certificates.k8s.io',
    kind: 'CertificateSigningRequest',
    resource: 'certificatesigningrequests',
    namespaced: false,
    shortNames: ['csr'],
    nameProblems: pathSegmentProblems,
    status: {},
    statusMetadata: true,
    parts: { approval: approval(clock), status: status(clock) },
    prepare,
    check,
    immutable: ['spec'],
    fields: (request) => ({ 'spec.signerName': textAt(request, 'spec.signerName') }),
    columns: [
      nameColumn,
      ageColumn,
      shown('SignerName', 'Who is to sign.', (request) => textAt(request, 'spec.signerName', none)),
      shown('Requestor', 'Who asks.', (request) => textAt(request, 'spec.username')),
      shown('RequestedDuration', 'How long it is to be valid.', durationCell),
      shown('Condition', 'How far it has come.', conditionCell),
    ],
  });
}
