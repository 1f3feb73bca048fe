/** Which names a definition gets, and how its kind goes. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import {
  act,
  type Action,
  type Observation,
  type Outcome,
  type Reconciliation,
  type StatusPlan,
} from '@timonel/sdk/controller';
import {
  customResourceCleanup,
  customResourceDefinitions,
  isDefinitionCondition,
  withDefinitionCondition,
  type CustomResourceCondition,
  type CustomResourceDefinition,
  type CustomResourceNames,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';

type Condition = Omit<CustomResourceCondition, 'lastTransitionTime'>;

/** Objects of the kind of a definition that is being deleted. */
export interface Remains {
  readonly type: ResourceType;
  readonly objects: readonly KubeObject[];
}

export interface Observed extends Observation<CustomResourceDefinition> {
  /** Names that other definitions of its group have got. */
  readonly taken: readonly CustomResourceNames[];
  /** Undefined: they could not be listed, and why. */
  readonly remains: Remains | { readonly unknown: string };
}

/** Objects that finalizers hold are looked for again so often. */
const recheckMs = 500;
const recheckUnknownMs = 5000;

export function isCleaned(definition: CustomResourceDefinition): boolean {
  return definition.metadata.finalizers?.includes(customResourceCleanup) !== true;
}

interface Naming {
  readonly names: CustomResourceNames;
  readonly conflict: Pick<Condition, 'reason' | 'message'> | undefined;
}

/** What it asked for, without what others have: it keeps what it had in place of that. */
function namingOf({ spec, status }: CustomResourceDefinition, taken: readonly CustomResourceNames[]): Naming {
  const resources = new Set(
    taken.flatMap(({ plural, singular = '', shortNames = [] }) => [plural, singular, ...shortNames]),
  );
  const kinds = new Set(taken.flatMap(({ kind, listKind = '' }) => [kind, listKind]));
  const wanted = spec.names;
  const names: CustomResourceNames = { ...(status?.acceptedNames ?? { plural: '', kind: '' }) };
  const conflicts: { reason: string; message: string }[] = [];
  const take = (
    field: 'plural' | 'singular' | 'kind' | 'listKind',
    used: ReadonlySet<string>,
    reason: string,
  ): void => {
    const name = wanted[field];
    if (name === undefined) return;
    if (used.has(name)) conflicts.push({ reason, message: `"${name}" is already in use` });
    else names[field] = name;
  };
  take('plural', resources, 'PluralConflict');
  take('singular', resources, 'SingularConflict');
  const short = (wanted.shortNames ?? []).filter((name) => resources.has(name));
  if (short.length > 0) {
    conflicts.push({
      reason: 'ShortNamesConflict',
      message: short.map((name) => `"${name}" is already in use`).join(', '),
    });
  } else if (wanted.shortNames !== undefined) names.shortNames = wanted.shortNames;
  else delete names.shortNames;
  take('kind', kinds, 'KindConflict');
  take('listKind', kinds, 'ListKindConflict');
  if (wanted.categories === undefined) delete names.categories;
  else names.categories = wanted.categories;
  return { names, conflict: conflicts.at(-1) };
}

function establishedOf(subject: CustomResourceDefinition, accepted: boolean): Condition | undefined {
  if (isDefinitionCondition(subject, 'Established')) return undefined;
  return accepted
    ? {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}

function cleaned(subject: CustomResourceDefinition, { unknown }: { unknown?: string }, left: number): Condition {
  if (unknown !== undefined) {
    return {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionFailed',
      message: `could not list instances: ${unknown}`,
    };
  }
  return left > 0
    ? {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionInProgress',
        message: 'CustomResource deletion is in progress',
      }
    : { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' };
}

function countOf(remains: Observed['remains']): number {
  return 'unknown' in remains ? 0 : remains.objects.length;
}

export function status(
  { subject, taken, remains, timestamp }: Observed,
  _outcome: Outcome,
): StatusPlan<CustomResourceDefinition> | undefined {
  if (subject === undefined) return undefined;
  const before = subject.status?.conditions ?? [];
  if (subject.metadata.deletionTimestamp !== undefined) {
    if (isCleaned(subject)) return undefined;
    const condition = cleaned(subject, 'unknown' in remains ? remains : {}, countOf(remains));
    return { status: { ...subject.status, conditions: withDefinitionCondition(before, condition, timestamp) } };
  }
  const { names, conflict } = namingOf(subject, taken);
  const accepted: Condition =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict };
  const established = establishedOf(subject, conflict === undefined);
  let conditions = withDefinitionCondition(before, accepted, timestamp);
  if (established !== undefined) conditions = withDefinitionCondition(conditions, established, timestamp);
  return { status: { ...subject.status, acceptedNames: names, conditions } };
}

function letGo(subject: CustomResourceDefinition): Action {
  const finalizers = (subject.metadata.finalizers ?? []).filter((finalizer) => finalizer !== customResourceCleanup);
  const next = { ...subject, metadata: { ...subject.metadata, finalizers } };
  const cause = { code: 'InstanceDeletionCompleted', text: 'no object of its kind is left' };
  return act.update(customResourceDefinitions, subject, next, { cause });
}

/** Deletes the objects of its kind, then lets it go. */
export function reconcile({ subject, remains }: Observed): Reconciliation {
  if (subject?.metadata.deletionTimestamp === undefined || isCleaned(subject)) return { actions: [] };
  if ('unknown' in remains) return { actions: [], requeueAfterMs: recheckUnknownMs };
  const { type, objects } = remains;
  if (objects.length === 0) return { actions: [letGo(subject)] };
  const cause = { code: 'DefinitionTerminating', text: 'the definition of their kind is being deleted' };
  const options = { propagationPolicy: 'Background' } as const;
  const actions = objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((object) => act.delete(type, object, { options, cause, independent: true }));
  return { actions, requeueAfterMs: actions.length === 0 ? recheckMs : 1 };
}

export function explain({ subject, taken, remains }: Observed): readonly Cause[] {
  if (subject === undefined) return [];
  const component = 'controller-crd';
  if (subject.metadata.deletionTimestamp !== undefined) {
    if ('unknown' in remains) return [{ component, code: 'InstanceDeletionFailed', text: remains.unknown }];
    const count = remains.objects.length;
    return count === 0
      ? []
      : [{ component, code: 'InstancesRemaining', text: `${count} objects of its kind are left` }];
  }
  const { conflict } = namingOf(subject, taken);
  return conflict === undefined
    ? []
    : [{ component, code: conflict.reason ?? '', text: `not all of its names are free: ${conflict.message}` }];
}
