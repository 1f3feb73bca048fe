import type { ResourceDefinition, Strategy, TableContext } from '@timonel/sdk/contracts/api-server';
import { replicaSets, type FieldError, type ReplicaSet } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import { checkPodTemplate } from '../pod/pod-validation.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, numberOf, objectOf, textOf } from '../validation/loose.ts';
import { workloadScale } from './scale.ts';
import { checkOwnSelector, selectorUpdateFindings } from './selector-validation.ts';
import { selectorCell, templateCells } from './template-cells.ts';

function defaultReplicaSet(set: ReplicaSet): void {
  if (!isObject(set.spec)) return;
  const spec = set.spec;
  spec.replicas ??= 1;
  defaultPodTemplate(spec.template);
}

function validate(set: ReplicaSet): FieldError[] {
  const found = new Findings();
  const spec = objectOf(set.spec);
  found.nonNegative('spec.replicas', spec.replicas);
  found.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  checkOwnSelector(spec, 'spec', found);
  if (isObject(spec.template)) checkPodTemplate(spec.template, 'spec.template', 'ReplicaSet', found);
  else found.required('spec.template');
  return found.all();
}

function validateStatusUpdate(set: ReplicaSet): FieldError[] {
  const found = new Findings();
  const status = objectOf(set.status);
  const total = numberOf(status.replicas) ?? 0;
  found.nonNegative('status.replicas', status.replicas);
  for (const count of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = numberOf(status[count]) ?? 0;
    found.nonNegative(`status.${count}`, value);
    if (value > total) found.invalid(`status.${count}`, value, 'cannot be greater than status.replicas');
  }
  if ((numberOf(status.availableReplicas) ?? 0) > (numberOf(status.readyReplicas) ?? 0))
    found.invalid('status.availableReplicas', status.availableReplicas, 'cannot be greater than readyReplicas');
  return found.all();
}

function cells(set: ReplicaSet, context: TableContext): (string | number)[] {
  const spec = objectOf(set.spec);
  const status = objectOf(set.status);
  return [
    textOf(set.metadata.name),
    numberOf(spec.replicas) ?? 0,
    numberOf(status.replicas) ?? 0,
    numberOf(status.readyReplicas) ?? 0,
    age(set, context),
    ...templateCells(spec.template),
    selectorCell(spec.selector),
  ];
}

const strategy: Strategy<ReplicaSet> = {
  default: defaultReplicaSet,
  prepareForCreate(set) {
    set.status = { replicas: 0 };
  },
  prepareForUpdate(set, old) {
    set.status = old.status ?? { replicas: 0 };
  },
  validate,
  validateUpdate: onUpdate(validate, selectorUpdateFindings),
  validateStatusUpdate,
  selectableFields: (set) => ({ 'status.replicas': String(numberOf(objectOf(set.status).replicas) ?? 0) }),
  cells,
};

export const replicaSetKind: ResourceDefinition<ReplicaSet> = defineKind({
  type: replicaSets,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  generation: true,
  status: true,
  statusMetadata: true,
  scale: workloadScale,
  columns: [
    nameColumn,
    column('Desired', 'The number of wanted pods.', 'integer'),
    column('Current', 'The number of existing pods.', 'integer'),
    column('Ready', 'The number of ready pods.', 'integer'),
    ageColumn,
    wideColumn('Containers', 'Names of the containers in the template.'),
    wideColumn('Images', 'Images of the containers in the template.'),
    wideColumn('Selector', 'The label selector of its pods.'),
  ],
  strategy,
});
