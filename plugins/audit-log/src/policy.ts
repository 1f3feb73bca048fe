/** The policy of the log: how much of which request is kept. Source: audit.k8s.io/v1 Policy. */
import type { AuditedRequest } from '@timonel/sdk/contracts/audit';
import { parse } from 'yaml';
import { z } from 'zod';

const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

interface Rule {
  readonly level: Level;
  /** Of these, as of the other lists: empty, any. */
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly {
    readonly group: string;
    readonly resources: readonly string[];
    readonly resourceNames: readonly string[];
  }[];
  readonly namespaces: readonly string[];
  readonly nonResourceURLs: readonly string[];
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields?: boolean | undefined;
}

export interface Policy {
  readonly rules: readonly Rule[];
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
}

const texts = z.array(z.string()).default([]);
const rule = z.strictObject({
  level: z.enum(levels),
  users: texts,
  userGroups: texts,
  verbs: texts,
  resources: z
    .array(z.strictObject({ group: z.string().default(''), resources: texts, resourceNames: texts }))
    .default([]),
  namespaces: texts,
  nonResourceURLs: texts,
  omitStages: z.array(z.enum(stages)).default([]),
  omitManagedFields: z.boolean().optional(),
});
const policySchema: z.ZodType<Policy> = z.strictObject({
  apiVersion: z.literal('audit.k8s.io/v1'),
  kind: z.literal('Policy'),
  metadata: z.unknown().optional(),
  rules: z.array(rule).min(1),
  omitStages: z.array(z.enum(stages)).default([]),
  omitManagedFields: z.boolean().default(false),
});

export interface Verdict {
  readonly level: Level;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

/** Everything that changes something, and who reads Secrets; not the heartbeats and events that nobody looks for. */
export const defaultPolicy: Policy = policySchema.parse({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'None',
      resources: [
        { group: 'coordination.k8s.io', resources: ['leases'] },
        { group: '', resources: ['events'] },
        { group: 'events.k8s.io', resources: ['events'] },
      ],
    },
    { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
    { level: 'None', userGroups: ['system:nodes'], verbs: ['get', 'list', 'watch'] },
    { level: 'None', verbs: ['get', 'list', 'watch', 'head', 'options'] },
    { level: 'Metadata' },
  ],
});

/** @throws Error that names the place, of a text that is no policy */
export function parsePolicy(text: string, file: string): Policy {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new Error(`${file} is no YAML`, { cause });
  }
  const result = policySchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`${file} is no audit policy: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}

const any = '*';

function isOfResource({ resources }: Rule, request: AuditedRequest): boolean {
  const { attributes } = request;
  if (attributes === undefined || attributes.path !== undefined) return false;
  const { group, resource, subresource, name } = attributes;
  const named = subresource === '' ? resource : `${resource}/${subresource}`;
  const isNamed = (pattern: string): boolean =>
    pattern === any ||
    pattern === named ||
    (subresource !== '' && (pattern === `*/${subresource}` || pattern === `${resource}/*`)) ||
    (subresource === '' && pattern === `${resource}/*`);
  return resources.some(
    (one) =>
      one.group === group &&
      (one.resources.length === 0 || one.resources.some(isNamed)) &&
      (one.resourceNames.length === 0 || one.resourceNames.includes(name)),
  );
}

function isOfPath({ nonResourceURLs }: Rule, { uri }: AuditedRequest): boolean {
  const [path = ''] = uri.split('?', 1);
  return nonResourceURLs.some(
    (pattern) => pattern === path || (pattern.endsWith(any) && path.startsWith(pattern.slice(0, -1))),
  );
}

export function verbOf({ attributes, method }: AuditedRequest): string {
  return attributes?.verb ?? method.toLowerCase();
}

/** As Kubernetes does, by the sender: whom it acts for is in the event. */
function matches(one: Rule, request: AuditedRequest): boolean {
  const { sender, attributes } = request;
  if (one.users.length > 0 && !one.users.includes(sender?.username ?? '')) return false;
  if (one.userGroups.length > 0 && !one.userGroups.some((group) => sender?.groups.includes(group))) return false;
  if (one.verbs.length > 0 && !one.verbs.includes(verbOf(request))) return false;
  const isPath = attributes === undefined || attributes.path !== undefined;
  if (one.namespaces.length > 0 && (isPath || !one.namespaces.includes(attributes.namespace))) return false;
  if (one.resources.length === 0 && one.nonResourceURLs.length === 0) return true;
  return isPath ? isOfPath(one, request) : isOfResource(one, request);
}

/** What goes for a request: the first rule that fits; without one nothing is kept. */
export function verdict(policy: Policy, request: AuditedRequest): Verdict {
  const found = policy.rules.find((one) => matches(one, request));
  return {
    level: found?.level ?? 'None',
    omitStages: new Set([...policy.omitStages, ...(found?.omitStages ?? [])]),
    omitManagedFields: found?.omitManagedFields ?? policy.omitManagedFields,
  };
}
