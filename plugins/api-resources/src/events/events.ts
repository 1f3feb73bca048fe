/** events.k8s.io/v1 shows the events of core/v1 under newer names. */
import type { ResourceDefinition, StoredAs } from '@timonel/sdk/contracts/api-server';
import type { CoreEvent, KubeObject } from '@timonel/sdk/kube';
import { eventKind } from '../core/events.ts';
import type { Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { textAt } from '../table/columns.ts';

/** core/v1 → events.k8s.io/v1. */
const names: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  count: 'deprecatedCount',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  reportingComponent: 'reportingController',
};
const backwards = Object.fromEntries(Object.entries(names).map(([core, newer]) => [newer, core]));

function renamed(object: KubeObject, table: Readonly<Record<string, string>>): KubeObject {
  const entries = Object.entries(object).map(([name, value]) => [
    Object.hasOwn(table, name) ? table[name] : name,
    value as unknown,
  ]);
  return Object.fromEntries(entries) as KubeObject;
}

const conversion: StoredAs = {
  group: '',
  version: 'v1',
  resource: 'events',
  fromStored(event) {
    const shown = renamed(event, names) as KubeObject & Json;
    // Always there in this version, null when the event is of the older kind.
    shown['eventTime'] ??= null;
    return shown;
  },
  toStored: (event) => renamed(event, backwards),
};

const fields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

export const eventV1Kind: ResourceDefinition = {
  ...describedKind({
    group: 'events.k8s.io',
    kind: 'Event',
    resource: 'events',
    shortNames: ['ev'],
    storedAs: conversion,
  }),
  columns: eventKind.columns,
  strategy: {
    selectableFields: (event) => ({
      ...Object.fromEntries(fields.map((name) => [`regarding.${name}`, textAt(event, `regarding.${name}`)])),
      reason: textAt(event, 'reason'),
      reportingController: textAt(event, 'reportingController'),
      type: textAt(event, 'type'),
    }),
    cells: (event, context) => eventKind.strategy.cells?.(conversion.toStored(event) as CoreEvent, context) ?? [],
  },
};
