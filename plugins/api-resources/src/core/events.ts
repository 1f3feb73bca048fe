import type { ResourceDefinition, Strategy, TableContext } from '@timonel/sdk/contracts/api-server';
import { coreEvents, type CoreEvent, type FieldError } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { column, nameColumn, wideColumn } from '../table/columns.ts';
import { parseTimestamp, since } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, objectOf, textOf } from '../validation/loose.ts';

function sourceText(event: CoreEvent): string {
  const { component, host } = objectOf(event.source);
  const name = textOf(component) || textOf(event.reportingComponent);
  const place = textOf(host) || textOf(event.reportingInstance);
  return place === '' ? name : `${name}, ${place}`;
}

function targetText(event: CoreEvent): string {
  const { kind, name } = objectOf(event.involvedObject);
  const lower = textOf(kind).toLowerCase();
  return textOf(name) === '' ? lower : `${lower}/${textOf(name)}`;
}

function cells(event: CoreEvent, context: TableContext): (string | number)[] {
  const series = fieldOf(event, 'series');
  const first = parseTimestamp(event.firstTimestamp) === undefined ? event.eventTime : event.firstTimestamp;
  const last = parseTimestamp(event.lastTimestamp) === undefined ? first : event.lastTimestamp;
  const count = isObject(series) ? fieldOf(series, 'count') : event.count;
  return [
    since(isObject(series) ? fieldOf(series, 'lastObservedTime') : last, context),
    textOf(event.type),
    textOf(event.reason),
    targetText(event),
    textOf(objectOf(event.involvedObject).fieldPath),
    sourceText(event),
    textOf(event.message).trim(),
    since(first, context),
    typeof count === 'number' && count > 0 ? count : 1,
    textOf(event.metadata.name),
  ];
}

function validate(event: CoreEvent): FieldError[] {
  const found = new Findings();
  const involved = objectOf(event.involvedObject);
  const namespace = textOf(event.metadata.namespace);
  const target = textOf(involved.namespace);
  // Events about cluster-scoped objects live in `default` (or, of nodes, in any system namespace).
  if (target === '' ? namespace !== 'default' && namespace !== 'kube-system' : target !== namespace)
    found.invalid('involvedObject.namespace', target, 'does not match event.namespace');
  return found.all();
}

const strategy: Strategy<CoreEvent> = {
  default(event) {
    // Kubernetes shows these fields of an event even when they are empty.
    event.source ??= {};
    event.reportingComponent ??= '';
    event.reportingInstance ??= '';
  },
  validate,
  selectableFields(event) {
    const { kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath } = objectOf(event.involvedObject);
    return {
      'involvedObject.kind': textOf(kind),
      'involvedObject.namespace': textOf(namespace),
      'involvedObject.name': textOf(name),
      'involvedObject.uid': textOf(uid),
      'involvedObject.apiVersion': textOf(apiVersion),
      'involvedObject.resourceVersion': textOf(resourceVersion),
      'involvedObject.fieldPath': textOf(fieldPath),
      reason: textOf(event.reason),
      reportingComponent: textOf(event.reportingComponent),
      source: textOf(objectOf(event.source).component) || textOf(event.reportingComponent),
      type: textOf(event.type),
    };
  },
  cells,
};

export const eventKind: ResourceDefinition<CoreEvent> = defineKind({
  type: coreEvents,
  schema: 'io.k8s.api.core.v1.Event',
  shortNames: ['ev'],
  expires: true,
  columns: [
    column('Last Seen', 'When it happened the last time.'),
    column('Type', 'Normal or Warning.'),
    column('Reason', 'Why it happened, in one word.'),
    column('Object', 'What it happened to.'),
    wideColumn('Subobject', 'The part of the object.'),
    wideColumn('Source', 'Who reports it.'),
    column('Message', 'What happened.'),
    wideColumn('First Seen', 'When it happened the first time.'),
    { ...wideColumn('Count', 'How often it happened.'), type: 'integer' },
    { ...nameColumn, priority: 1 },
  ],
  strategy,
});
